/**
 * Measures the event loop of a server from inside it, without a change to the server: the bench
 * starts the server with `--import` of this file. `GET /` on the port `LOOP_MONITOR_PORT` returns
 * the lateness of a timer since the last such request, the largest memory and the CPU time.
 */
import { createServer } from 'node:http'
import { createHistogram } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

const periodMs = 2
const memoryPeriodMs = 100

const lateness = createHistogram()
let largestRss = 0
let cpu = process.cpuUsage()
let since = performance.now()
let due = performance.now() + periodMs

const measure = () => {
  const now = performance.now()
  lateness.record(Math.max(1, Math.round((now - due) * 1_000)))
  due = now + periodMs
  setTimeout(measure, periodMs).unref()
}

const measureMemory = () => {
  largestRss = Math.max(largestRss, process.memoryUsage.rss())
}

const millisecondsOf = (microseconds) => Math.round(microseconds / 10) / 100

const reply = () => {
  measureMemory()
  const { user, system } = process.cpuUsage(cpu)
  const text = JSON.stringify({
    p999Ms: millisecondsOf(lateness.percentile(99.9)),
    maxMs: millisecondsOf(lateness.max),
    rssBytes: largestRss,
    cpuUs: user + system,
    seconds: (performance.now() - since) / 1_000,
  })
  lateness.reset()
  largestRss = 0
  cpu = process.cpuUsage()
  since = performance.now()
  return text
}

const port = Number(process.env['LOOP_MONITOR_PORT'])
// The threads of the server load this file too.
if (port > 0 && isMainThread) {
  createServer((_, response) => response.end(reply()))
    .listen(port, '127.0.0.1')
    .unref()
  setInterval(measureMemory, memoryPeriodMs).unref()
  measure()
}
