// Package metrics serves figures in the format that Prometheus reads.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Measure emits a metric: its name after "holdfast_", what it counts, whether
// it only grows, its value, and its label, if any. No label holds a host's name
// or anything else that a host chooses.
type Measure func(name, help string, grows bool, value float64, label ...string)

// collector asks for the figures each time that metrics are read, so that
// nothing is counted twice.
type collector struct{ collect func(Measure) }

var _ prometheus.Collector = collector{}

// Describe says nothing beforehand, which makes the collector an unchecked one.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c collector) Collect(out chan<- prometheus.Metric) {
	c.collect(func(name, help string, grows bool, value float64, label ...string) {
		kind := prometheus.GaugeValue
		if grows {
			kind = prometheus.CounterValue
		}
		var names, values []string
		if len(label) == 2 {
			names, values = label[:1], label[1:]
		}
		desc := prometheus.NewDesc("holdfast_"+name, help, names, nil)
		out <- prometheus.MustNewConstMetric(desc, kind, value, values...)
	})
}

// Handler returns the handler of /metrics. Collect is called each time that
// metrics are read and emits the server's figures; those of its process come
// with them.
func Handler(collect func(Measure)) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collector{collect},
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
