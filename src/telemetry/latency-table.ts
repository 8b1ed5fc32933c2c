/** Upper bounds in seconds: from a row read in memory to a gigabyte pushed. */
const BOUNDS = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  30, 60,
]

/** At most so many label combinations: values are ours, not clients', but a table must not grow without end. */
const MAX_ROWS = 2000

/** A metric in the shape that prom-client asks its own for; its types name classes only. */
export interface Family {
  readonly name: string
  get(): Promise<unknown>
  reset(): void
}

interface Row {
  readonly labels: Record<string, string>
  readonly buckets: Float64Array
  sum: number
  count: number
}

/** A histogram by labels, cheap to feed; read by prom-client as one of its metrics. */
export class LatencyTable {
  readonly #name: string
  readonly #help: string
  readonly #labels: readonly [string, string, string]
  readonly #rows = new Map<string, Map<string, Map<string, Row>>>()
  #size = 0

  constructor(name: string, help: string, labels: readonly [string, string, string]) {
    this.#name = name
    this.#help = help
    this.#labels = labels
  }

  observe(seconds: number, a: string, b: string, c: string): void {
    const row = this.#rows.get(a)?.get(b)?.get(c) ?? this.#add(a, b, c)
    let bucket = 0
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] as number)) bucket++
    row.buckets[bucket] = (row.buckets[bucket] as number) + 1
    row.sum += seconds
    row.count++
  }

  #add(a: string, b: string, c: string): Row {
    if (this.#size >= MAX_ROWS && a !== 'other')
      return this.#rows.get('other')?.get('')?.get('') ?? this.#add('other', '', '')
    const row: Row = {
      labels: { [this.#labels[0]]: a, [this.#labels[1]]: b, [this.#labels[2]]: c },
      buckets: new Float64Array(BOUNDS.length + 1),
      sum: 0,
      count: 0,
    }
    const byB = this.#rows.get(a) ?? new Map<string, Map<string, Row>>()
    const byC = byB.get(b) ?? new Map<string, Row>()
    this.#rows.set(a, byB)
    byB.set(b, byC)
    byC.set(c, row)
    this.#size++
    return row
  }

  family(): Family {
    const name = this.#name
    const help = this.#help
    const get = async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: this.#values() })
    return { name, get, reset() {} }
  }

  #values(): { labels: Record<string, string | number>; value: number; metricName: string }[] {
    const out: { labels: Record<string, string | number>; value: number; metricName: string }[] = []
    for (const byB of this.#rows.values()) {
      for (const byC of byB.values()) {
        for (const row of byC.values()) {
          let total = 0
          for (const [i, bound] of BOUNDS.entries()) {
            total += row.buckets[i] as number
            out.push({
              labels: { le: bound, ...row.labels },
              value: total,
              metricName: `${this.#name}_bucket`,
            })
          }
          out.push({
            labels: { le: '+Inf', ...row.labels },
            value: row.count,
            metricName: `${this.#name}_bucket`,
          })
          out.push({ labels: row.labels, value: row.sum, metricName: `${this.#name}_sum` })
          out.push({ labels: row.labels, value: row.count, metricName: `${this.#name}_count` })
        }
      }
    }
    return out
  }
}
