import type { Load } from '../load/load.ts'
import type { Peer, PeerKind, PeerName } from '../peers/peer.ts'

interface Common {
  /** What `--only` takes. */
  readonly id: string
  readonly title: string
  readonly peers: readonly PeerName[]
}

/** A load of requests on standing servers: throughput, latency, and what it cost the server. */
export interface LoadRow extends Common {
  readonly kind: 'load'
  /** What is counted: operations, or bytes of bodies. */
  readonly per: 'operation' | 'byte'
  /** How many times docker-registry's throughput Berth is to reach. */
  readonly target: number
  /** Which server is Berth in this row, unless the plain one. */
  readonly ours?: PeerName
  /** Also measured with every core for both sides. */
  readonly free?: boolean
  /** It leaves blobs behind, which are removed after each measurement. */
  readonly writes?: boolean
  /** Once for each store, before anything is measured. */
  readonly seed?: (peer: Peer) => Promise<void>
  /** Before each measurement, not measured. */
  readonly arrange?: (peer: Peer) => Promise<void>
  readonly load: (peer: Peer, seconds: number) => Promise<Load>
}

/** One figure of a server started for it; less is better. */
export interface GaugeRow extends Common {
  readonly kind: 'gauge'
  readonly unit: 'ms' | 'MiB'
  /** What Berth is to stay within. */
  readonly target: number
  /** Rounds at most, for what takes long and scatters little. */
  readonly rounds?: number
  /** Once for each kind of peer. `folder` is empty before it and the same in each measurement. */
  readonly seed?: (kind: PeerKind, folder: string) => Promise<void>
  readonly measure: (kind: PeerKind, folder: string) => Promise<number>
}

export type Row = LoadRow | GaugeRow

export const REGISTRIES: readonly PeerName[] = ['berth', 'distribution', 'distribution-gogc']
export const READERS: readonly PeerName[] = [...REGISTRIES, 'nginx']
