import type { Placement } from '../machine/affinity.ts'
import type { PeerKind, PeerName } from '../peers/peer.ts'
import type { GaugeRow, LoadRow, Row } from '../rows/row.ts'
import type { LoadSample, Samples } from '../samples.ts'
import { cell, figure, table, times } from './format.ts'
import { type Spread, spreadOf } from './statistics.ts'

/** A client busier than this, beside a server that is not, was what limited the figure. */
const BUSY = 0.9
const MIB = 1024 ** 2

const MARK = '†'

type Value = (sample: LoadSample) => number

/** Every table of a run, as Markdown. */
export function renderTables(rows: readonly Row[], kinds: readonly PeerKind[], samples: Samples): string {
  const loads = rows.filter((row) => row.kind === 'load')
  const gauges = rows.filter((row) => row.kind === 'gauge')
  const tables = new Tables(kinds, samples)
  return [
    ...(loads.length > 0
      ? [tables.throughput(loads, 'pinned'), tables.cost(loads), tables.latency(loads)]
      : []),
    ...(samples.loads.some(({ placement }) => placement === 'free')
      ? [
          tables.throughput(
            loads.filter(({ free }) => free),
            'free',
          ),
        ]
      : []),
    ...(gauges.length > 0 ? [tables.gauges(gauges)] : []),
  ].join('\n\n')
}

class Tables {
  readonly #kinds: readonly PeerKind[]
  readonly #samples: Samples

  constructor(kinds: readonly PeerKind[], samples: Samples) {
    this.#kinds = kinds
    this.#samples = samples
  }

  throughput(rows: readonly LoadRow[], placement: Placement): string {
    const lines = rows.map((row) => {
      const value: Value = ({ operations, bytes, seconds }) =>
        row.per === 'byte' ? bytes / seconds / 1e6 : operations / seconds
      const spreads = this.#spreads(row, placement, value)
      const mark = (peer: PeerName) => (this.#limitedByClient(row, peer, placement) ? MARK : '')
      return [
        row.title,
        row.per === 'byte' ? 'MB/s' : '1/s',
        ...this.#kinds.map(({ name }) => cell(spreads.get(name), mark(name))),
        times(ratio(spreads, 'berth', 'distribution')),
        times(ratio(spreads, 'berth', 'distribution-gogc')),
        `≥ ${times(row.target)}`,
      ]
    })
    const title =
      placement === 'pinned'
        ? '### Throughput, one core for the server and one for the client'
        : '### Throughput, every core for both'
    return `${title}\n\n${table(['', 'unit', ...this.#titles(), 'ratio', 'ratio (GOGC)', 'target'], lines)}`
  }

  cost(rows: readonly LoadRow[]): string {
    const lines = rows.map((row) => {
      const value: Value = ({ operations, bytes, serverCpu }) =>
        row.per === 'byte' ? (serverCpu * 1e9) / bytes : (serverCpu * 1e6) / operations
      const spreads = this.#spreads(row, 'pinned', value)
      return [
        row.title,
        row.per === 'byte' ? 'ns/B' : 'µs',
        ...this.#kinds.map(({ name }) => cell(spreads.get(name))),
        times(ratio(spreads, 'distribution', 'berth')),
        times(ratio(spreads, 'distribution-gogc', 'berth')),
      ]
    })
    return `### Processor time of the server, per operation or byte (pinned)\n\n${table(
      ['', 'unit', ...this.#titles(), 'less by', 'less by (GOGC)'],
      lines,
    )}`
  }

  latency(rows: readonly LoadRow[]): string {
    const lines = rows.map((row) => {
      const slowest = this.#spreads(row, 'pinned', ({ p99 }) => p99)
      const peak = this.#spreads(row, 'pinned', (sample) => sample.peak / MIB)
      return [
        row.title,
        ...this.#kinds.map(({ name }) => {
          const [ms, most] = [slowest.get(name), peak.get(name)]
          return ms === undefined || most === undefined ? '—' : `${figure(ms.median)} / ${figure(most.max)}`
        }),
      ]
    })
    return `### 99th percentile of latency, ms, and peak resident memory, MiB (pinned)\n\n${table(
      ['', ...this.#titles()],
      lines,
    )}`
  }

  gauges(rows: readonly GaugeRow[]): string {
    const lines = rows.map((row) => [
      row.title,
      row.unit,
      ...this.#kinds.map(({ name }) => {
        const found = this.#samples.gauges.filter((sample) => sample.row === row.id && sample.peer === name)
        return cell(spreadOf(found.map(({ value }) => value)))
      }),
      `≤ ${row.target}`,
    ])
    return `### Process\n\n${table(['', 'unit', ...this.#titles(), 'target'], lines)}`
  }

  #titles(): string[] {
    return this.#kinds.map(({ title }) => title)
  }

  #of(row: LoadRow, peer: PeerName, placement: Placement): LoadSample[] {
    const measured = peer === 'berth' ? (row.ours ?? peer) : peer
    return this.#samples.loads.filter(
      (sample) => sample.row === row.id && sample.peer === measured && sample.placement === placement,
    )
  }

  #spreads(row: LoadRow, placement: Placement, value: Value): Map<PeerName, Spread | undefined> {
    return new Map(this.#kinds.map(({ name }) => [name, spreadOf(this.#of(row, name, placement).map(value))]))
  }

  #limitedByClient(row: LoadRow, peer: PeerName, placement: Placement): boolean {
    if (placement === 'free') return false
    const samples = this.#of(row, peer, placement)
    const client = spreadOf(samples.map(({ clientCpu, seconds }) => clientCpu / seconds))?.median ?? 0
    const server = spreadOf(samples.map(({ serverCpu, seconds }) => serverCpu / seconds))?.median ?? 0
    return client > BUSY && server < BUSY
  }
}

function ratio(spreads: Map<PeerName, Spread | undefined>, over: PeerName, under: PeerName) {
  const [a, b] = [spreads.get(over), spreads.get(under)]
  return a === undefined || b === undefined ? undefined : a.median / b.median
}
