/** One line of Prometheus' text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Page {
  readonly samples: Sample[]
  /** By the metric's name. */
  readonly types: ReadonlyMap<string, string>
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)",?/
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|[+-]?Inf|NaN)$/i

/**
 * Reads a page in Prometheus' text format, strictly: every sample belongs to a metric that was announced with help and type, no
 * sample stands twice, and the buckets of a histogram only rise and end in its count. Throws with the line that is wrong.
 */
export function parsePrometheus(text: string): Page {
  if (!text.endsWith('\n')) throw new Error('the page does not end with a line end')
  const types = new Map<string, string>()
  const helped = new Set<string>()
  const samples: Sample[] = []
  const seen = new Set<string>()
  for (const line of text.split('\n')) {
    const wrong = (why: string) => new Error(`${why}: ${line}`)
    if (line === '') continue
    const comment = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line)
    if (comment) {
      const [, kind, name = '', rest = ''] = comment
      if (kind === 'HELP') helped.add(name)
      else if (!['counter', 'gauge', 'histogram', 'summary', 'untyped'].includes(rest)) throw wrong('no type')
      else if (types.has(name)) throw wrong('a second type')
      else types.set(name, rest)
      continue
    }
    const sample = sampleOf(line)
    if (sample === undefined) throw wrong('no sample')
    const base = sample.name.replace(/_(?:bucket|sum|count)$/, '')
    const metric =
      types.get(sample.name) === undefined && types.get(base) === 'histogram' ? base : sample.name
    if (!types.has(metric) || !helped.has(metric)) throw wrong('not announced')
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
    if (seen.has(key)) throw wrong('a second time')
    seen.add(key)
    samples.push(sample)
  }
  checkHistograms(samples, types)
  return { samples, types }
}

function sampleOf(line: string): Sample | undefined {
  const name = NAME.exec(line)?.[0]
  if (name === undefined) return undefined
  let rest = line.slice(name.length)
  const labels: Record<string, string> = {}
  if (rest.startsWith('{')) {
    rest = rest.slice(1)
    while (!rest.startsWith('}')) {
      const [whole, label, value] = LABEL.exec(rest) ?? []
      if (whole === undefined || label === undefined || value === undefined || label in labels)
        return undefined
      labels[label] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
      rest = rest.slice(whole.length)
    }
    rest = rest.slice(1)
  }
  const number = rest.trimStart()
  if (!rest.startsWith(' ') || !NUMBER.test(number)) return undefined
  return { name, labels, value: Number(number.replace(/inf/i, 'Infinity')) }
}

function checkHistograms(samples: readonly Sample[], types: ReadonlyMap<string, string>): void {
  for (const [metric, type] of types) {
    if (type !== 'histogram') continue
    const rows = new Map<string, { last: number; bound: number }>()
    for (const { name, labels, value } of samples) {
      const { le, ...others } = labels
      const key = JSON.stringify(others)
      if (name === `${metric}_bucket`) {
        const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le)
        const before = rows.get(key) ?? { last: 0, bound: Number.NEGATIVE_INFINITY }
        if (value < before.last || !(bound > before.bound))
          throw new Error(`${metric}${key}: bucket ${le} falls`)
        rows.set(key, { last: value, bound })
      } else if (name === `${metric}_count`) {
        const { last, bound } = rows.get(key) ?? { last: -1, bound: 0 }
        if (bound !== Number.POSITIVE_INFINITY || last !== value)
          throw new Error(`${metric}${key}: buckets and count differ`)
      }
    }
  }
}
