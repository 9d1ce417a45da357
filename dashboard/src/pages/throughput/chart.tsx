import { useEffect, useRef } from 'react'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { ChartData } from './charts.ts'

/** Colors of the lines, as the names of properties of the style. */
const colorNames = ['--accent', '--good', '--bad', '--warn'] as const

const height = 180

interface ChartProps {
  readonly chart: ChartData
  /** Seconds since 1970 of each step. */
  readonly times: readonly number[]
}

/**
 * Returns a function from the name of a property to its color in the present theme. A canvas knows
 * neither properties nor `light-dark`, so an element computes the color.
 */
function createColorReader(element: HTMLElement): (name: string) => string {
  return (name) => {
    const probe = element.appendChild(document.createElement('span'))
    probe.style.color = `var(${name})`
    const { color } = getComputedStyle(probe)
    probe.remove()
    return color
  }
}

/** Returns the settings of a chart in the colors of the theme. */
function optionsOf(chart: ChartData, element: HTMLElement): UPlot.Options {
  const colorOf = createColorReader(element)
  const rule = { stroke: colorOf('--line'), width: 1 }
  const axis = { stroke: colorOf('--muted'), grid: rule, ticks: rule }
  return {
    width: element.clientWidth,
    height,
    series: [
      {},
      ...chart.lines.map(({ label }, index) => ({
        label,
        stroke: colorOf(colorNames[index % colorNames.length] ?? '--accent'),
        width: 1.5,
        // A step without a sample is a gap of the line.
        spanGaps: false,
      })),
    ],
    axes: [axis, { ...axis, size: 56 }],
    cursor: { y: false },
  }
}

/** A chart of the history. Its last values are text too, for readers who do not see it. */
export function Chart({ chart, times }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = place.current
    if (!element) return
    const data: UPlot.AlignedData = [[...times], ...chart.lines.map(({ values }) => [...values])]
    const plot = new UPlot(optionsOf(chart, element), data, element)
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [chart, times])
  return (
    <figure className="chart">
      <figcaption>
        {chart.title} <span className="muted">in {chart.unit}</span>
      </figcaption>
      <div ref={place} aria-hidden="true" />
      <p className="muted">
        {chart.lines.map(({ label, values }) => `${label}: ${formatLast(values)}`).join(' · ')} {chart.unit}
      </p>
    </figure>
  )
}

/** Returns the last known value of a line as text. */
function formatLast(values: readonly (number | null)[]): string {
  const last = values.findLast((value) => value !== null)
  return last === undefined || last === null ? 'no value' : String(Math.round(last * 10) / 10)
}
