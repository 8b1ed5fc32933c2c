import type { Registry as PrometheusRegistry } from 'prom-client'
import { EventLoopDelay } from './event-loop-delay.ts'
import { type Family, LatencyTable } from './latency-table.ts'

export interface RequestSample {
  readonly route: string
  readonly method: string
  readonly status: number
  readonly seconds: number
  readonly bytesOut: number
}

export interface Metrics {
  request(sample: RequestSample): void
  /** Bytes of request bodies, as they arrive. */
  received(bytes: number): void
  /** One operation on a back end: the `store` of blobs or the `database`. */
  backend(part: 'store' | 'database', operation: string, seconds: number, failed: boolean): void
  /** A gauge that is asked when the page is. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void
  /** A counter that is asked when the page is. */
  counter(name: string, help: string, read: () => number | Promise<number>): void
  /** The page in Prometheus' text format. */
  page(): Promise<{ readonly text: string; readonly contentType: string }>
  close(): void
}

/**
 * What the operator's Prometheus reads. Counting is ours, since it is done for every request (typed arrays, no label objects);
 * naming, escaping and the format are prom-client's.
 */
export function createMetrics(): Metrics {
  const requests = new LatencyTable(
    'berth_http_request_duration_seconds',
    'Time to the first byte of the answer, by route, method and status',
    ['route', 'method', 'status'],
  )
  const backends = new LatencyTable(
    'berth_backend_duration_seconds',
    'Time of operations on blob store and database',
    ['part', 'operation', 'outcome'],
  )
  const families: Family[] = [requests.family(), backends.family()]
  const add = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    read: () => number | Promise<number>,
  ) => {
    const get = async () => {
      // What cannot be told now is left out: the page matters most when something is broken.
      const values = await Promise.resolve()
        .then(read)
        .then(
          (value) => [{ value, labels: {} }],
          () => [],
        )
      return { name, help, type, aggregator: 'sum', values }
    }
    families.push({ name, get, reset() {} })
  }
  const delay = new EventLoopDelay()
  let bytesIn = 0
  let bytesOut = 0
  const started = Date.now() / 1000
  add('counter', 'berth_http_received_bytes_total', 'Bytes of request bodies', () => bytesIn)
  add('counter', 'berth_http_sent_bytes_total', 'Bytes of answer bodies, as announced', () => bytesOut)
  add('gauge', 'berth_process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss())
  add(
    'gauge',
    'berth_event_loop_delay_seconds_max',
    'Longest delay of the event loop since the page was last read',
    () => delay.takeMax(),
  )
  add(
    'gauge',
    'berth_process_start_time_seconds',
    'When the process started, in seconds since the epoch',
    () => started,
  )
  let pages: Promise<PrometheusRegistry> | undefined

  return {
    request(sample) {
      requests.observe(sample.seconds, sample.route, sample.method, String(sample.status))
      bytesOut += sample.bytesOut
    },
    received(bytes) {
      bytesIn += bytes
    },
    backend(part, operation, seconds, failed) {
      backends.observe(seconds, part, operation, failed ? 'failed' : 'ok')
    },
    gauge: (name, help, read) => add('gauge', name, help, read),
    counter: (name, help, read) => add('counter', name, help, read),
    async page() {
      pages ??= prometheus(families)
      const registry = await pages
      return { text: await registry.metrics(), contentType: registry.contentType }
    },
    close: () => delay.close(),
  }
}

/** Loaded when somebody asks: it takes a third of the start-up and 15 MB, for many to no purpose. */
async function prometheus(families: readonly Family[]): Promise<PrometheusRegistry> {
  const { Registry } = await import('prom-client')
  const registry = new Registry()
  for (const family of families) registry.registerMetric(family as never)
  return registry
}
