import type { Load } from './load/load.ts'
import type { Placement } from './machine/affinity.ts'
import type { PeerName } from './peers/peer.ts'

/** One measurement of a load. */
export interface LoadSample extends Load {
  readonly row: string
  readonly peer: PeerName
  readonly round: number
  readonly placement: Placement
  /** Seconds of processor time that the server spent. */
  readonly serverCpu: number
  /** The same of the client. */
  readonly clientCpu: number
  /** Bytes, the most resident at once. */
  readonly peak: number
}

/** One measurement of a gauge. */
export interface GaugeSample {
  readonly row: string
  readonly peer: PeerName
  readonly round: number
  readonly value: number
}

export interface Samples {
  readonly loads: readonly LoadSample[]
  readonly gauges: readonly GaugeSample[]
}
