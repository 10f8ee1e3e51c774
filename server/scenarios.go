package server

import (
	"slices"
	"strings"

	apitypes "github.com/holdfast-security/holdfast/api"
	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/server/simulation"
	"github.com/holdfast-security/holdfast/simulate"
)

// simulator is the simulator as the API sees it.
type simulator struct{ *simulation.Simulator }

// Scenarios returns what can be played, by name.
func (simulator) Scenarios() []apitypes.Scenario { return scenarios() }

// scenarios returns what can be simulated, by name.
func scenarios() []apitypes.Scenario {
	list := []apitypes.Scenario{}
	for _, sc := range simulate.Scenarios() {
		needs := []string{}
		for _, n := range sc.Needs {
			needs = append(needs, string(n))
		}
		list = append(list, apitypes.Scenario{
			Name: sc.Name, Title: sc.Title, AlertType: sc.AlertType, Summary: sc.Summary, OS: []string{"linux"}, Needs: needs,
		})
	}
	slices.SortFunc(list, func(a, b apitypes.Scenario) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// scenarioAlerts returns the alert that each scenario must raise.
func scenarioAlerts() map[string]finding.AlertType {
	alerts := make(map[string]finding.AlertType)
	for _, sc := range simulate.Scenarios() {
		alerts[sc.Name] = sc.AlertType
	}
	return alerts
}
