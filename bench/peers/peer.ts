import type { Address } from '../load/connection.ts'
import type { Seeder } from '../seed/seeder.ts'

export type PeerName = 'berth' | 'berth-accounts' | 'distribution' | 'distribution-gogc' | 'nginx'

/** A server under measurement, running. */
export interface Peer extends AsyncDisposable {
  readonly name: PeerName
  readonly pid: number
  readonly address: Address
  /** The folder of its data. Peers with the same one share what was seeded. */
  readonly store: string
  readonly seeder: Seeder
  /** The header that lets someone pull from a repository; absent where nobody signs in. */
  readonly authorization?: (repo: string) => string
  /** ms from the start of the process until it first answered. */
  readonly readyAfter: number
}

/** How a peer is started: on its standing store for loads, or on another for what is measured from a start. */
export interface PeerKind {
  readonly name: PeerName
  /** What stands over its column. */
  readonly title: string
  start(store: string): Promise<Peer>
}
