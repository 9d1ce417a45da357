import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Each business metric once, with labels that cannot grow without bound: a procedure's name, a code, never an id. */
export class Metrics {
  readonly registry = new Registry()
  readonly #calls = new Counter({
    name: 'tony_calls_total',
    help: 'Calls by procedure and outcome',
    labelNames: ['procedure', 'code'],
    registers: [this.registry],
  })
  readonly #seconds = new Histogram({
    name: 'tony_call_seconds',
    help: 'Time from the guards to the reply, by procedure',
    labelNames: ['procedure'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 60],
    registers: [this.registry],
  })
  readonly #sockets = new Gauge({
    name: 'tony_sockets',
    help: 'Open WebSocket connections',
    registers: [this.registry],
  })
  readonly #slow = new Counter({
    name: 'tony_slow_consumers_total',
    help: 'Sockets closed because they did not read what they had subscribed to',
    registers: [this.registry],
  })
  readonly #removed = new Counter({
    name: 'tony_retention_removed_total',
    help: 'Rows removed because they had been kept long enough, by class',
    labelNames: ['class'],
    registers: [this.registry],
  })

  constructor() {
    collectDefaultMetrics({ register: this.registry })
  }

  call(procedure: string, code: string, elapsedMs: number): void {
    this.#calls.inc({ procedure, code })
    this.#seconds.observe({ procedure }, elapsedMs / 1_000)
  }

  sockets(open: number): void {
    this.#sockets.set(open)
  }

  slowConsumer(): void {
    this.#slow.inc()
  }

  removed(what: string, rows: number): void {
    this.#removed.inc({ class: what }, rows)
  }
}
