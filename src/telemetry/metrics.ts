import { Gauge, Registry as PrometheusRegistry } from 'prom-client'
import { EventLoopDelay } from './event-loop-delay.ts'
import { LatencyTable } from './latency-table.ts'

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
  /** The page in Prometheus' text format. */
  page(): Promise<string>
  readonly contentType: string
  close(): void
}

/**
 * What the operator's Prometheus reads. Counting is ours, since it is done for every request (typed arrays, no label objects);
 * naming, escaping and the format are prom-client's.
 */
export function createMetrics(): Metrics {
  const page = new PrometheusRegistry()
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
  page.registerMetric(requests.metric())
  page.registerMetric(backends.metric())
  let bytesIn = 0
  let bytesOut = 0
  const delay = new EventLoopDelay()
  const counterLike = (name: string, help: string, read: () => number) => {
    page.registerMetric({
      name,
      help,
      get: async () => ({
        name,
        help,
        type: 'counter',
        aggregator: 'sum',
        values: [{ value: read(), labels: {} }],
      }),
      reset() {},
    } as never)
  }
  const gauge: Metrics['gauge'] = (name, help, read) => {
    new Gauge({
      name,
      help,
      registers: [page],
      async collect() {
        this.set(await read())
      },
    })
  }
  counterLike('berth_http_received_bytes_total', 'Bytes of request bodies', () => bytesIn)
  counterLike('berth_http_sent_bytes_total', 'Bytes of answer bodies, as announced', () => bytesOut)
  gauge('berth_process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss())
  gauge(
    'berth_event_loop_delay_seconds_max',
    'Longest delay of the event loop since the page was last read',
    () => delay.takeMax(),
  )
  const started = Date.now() / 1000
  gauge(
    'berth_process_start_time_seconds',
    'When the process started, in seconds since the epoch',
    () => started,
  )
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
    gauge,
    page: () => page.metrics(),
    contentType: page.contentType,
    close: () => delay.close(),
  }
}
