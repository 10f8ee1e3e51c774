// Charts by ECharts, of which only the parts used are loaded, and only with
// the first chart. Drawn on a canvas: the content security policy refuses the
// style attributes of its SVG output.
import { useComputedColorScheme } from '@mantine/core';
import { BarChart } from 'echarts/charts';
import { GridComponent, TooltipComponent } from 'echarts/components';
import { type EChartsType, init, use as register } from 'echarts/core';
import type { ECBasicOption } from 'echarts/types/dist/shared';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';
import { type Severity, severities } from '../api/model';
import { severityNames } from './badges';
import css from './chart.module.css';

register([BarChart, GridComponent, TooltipComponent, CanvasRenderer]);

/** SeverityBucket is the alerts of one stretch of time. */
export interface SeverityBucket {
  start: string;
  by_severity: Record<string, number>;
}

interface Props {
  buckets: SeverityBucket[];
  /** How a stretch is named on the axis and in full. */
  label: (start: string) => string;
  full: (start: string) => string;
  onPick: (start: string) => void;
  height: number;
}

const upwards = [...severities].reverse();

/** SeverityChart stacks alerts by severity over time; a click on a bar picks its stretch. */
export default function SeverityChart({ buckets, label, full, onPick, height }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const scheme = useComputedColorScheme();

  useEffect(() => {
    if (!box.current) return;
    const made = init(box.current, undefined, { renderer: 'canvas' });
    chart.current = made;
    const watch = new ResizeObserver(() => made.resize());
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    const made = chart.current;
    if (!made) return;
    made.setOption(options(buckets, label, full), { notMerge: true });
    made.off('click');
    made.on('click', (e) => {
      const bucket = buckets[e.dataIndex];
      if (bucket) onPick(bucket.start);
    });
  }, [buckets, label, full, onPick, scheme]);

  return <div ref={box} className={css.chart} style={{ height }} aria-hidden="true" />;
}

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--hf-${name}`).trim();
}

function options(buckets: SeverityBucket[], label: (s: string) => string, full: (s: string) => string): ECBasicOption {
  const muted = token('muted');
  const line = token('border');
  return {
    animation: false,
    grid: { left: 4, right: 8, top: 8, bottom: 2, containLabel: true },
    xAxis: {
      type: 'category',
      // A day that several stretches share is written once.
      data: buckets.map((b, i) => (label(b.start) === label(buckets[i - 1]?.start ?? '') ? '' : label(b.start))),
      axisLine: { lineStyle: { color: line } },
      axisTick: { show: false },
      axisLabel: { color: muted, fontSize: 11, hideOverlap: true, interval: 0 },
    },
    yAxis: {
      type: 'value',
      minInterval: 1,
      splitNumber: 3,
      splitLine: { lineStyle: { color: line } },
      axisLabel: { color: muted, fontSize: 11 },
    },
    tooltip: {
      trigger: 'axis',
      axisPointer: { type: 'shadow', shadowStyle: { color: token('focus'), opacity: 0.1 } },
      backgroundColor: token('surface'),
      borderColor: token('border-strong'),
      padding: 10,
      textStyle: { color: token('text'), fontSize: 12 },
      // An element, not markup: nothing of it is parsed.
      formatter: (params: { dataIndex: number }[]) => tip(buckets[params[0]?.dataIndex ?? -1], full),
    },
    series: upwards.map((severity) => ({
      name: severityNames[severity],
      type: 'bar',
      stack: 'alerts',
      barCategoryGap: '22%',
      barMaxWidth: 34,
      cursor: 'pointer',
      itemStyle: { color: token(`${severity}-solid`) },
      data: buckets.map((b) => b.by_severity[severity] ?? 0),
    })),
  };
}

function tip(bucket: SeverityBucket | undefined, full: (s: string) => string): HTMLElement {
  const box = document.createElement('div');
  if (!bucket) return box;
  const title = document.createElement('div');
  title.className = css.tipTitle ?? '';
  title.textContent = full(bucket.start);
  box.append(title);
  for (const severity of severities) {
    const line = document.createElement('div');
    line.className = css.tipLine ?? '';
    const square = document.createElement('span');
    square.className = css.square ?? '';
    square.dataset['severity'] = severity;
    const number = document.createElement('b');
    number.textContent = (bucket.by_severity[severity] ?? 0).toLocaleString('en');
    line.append(square, severityNames[severity as Severity], number);
    box.append(line);
  }
  return box;
}
