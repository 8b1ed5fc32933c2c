import type { Registry } from '../core/registry.ts'
import { clientChanges } from './client/changes.ts'
import { type ClientOptions, connect } from './client/connection.ts'
import { clientLists } from './client/lists.ts'
import { clientReader } from './client/reading.ts'
import { clientUploads } from './client/uploads.ts'

/** A registry somewhere else, through its HTTP interface: what the network makes of the one type. */
export function clientRegistry(options: ClientOptions): Registry {
  const connection = connect(options)
  const reader = clientReader(connection)
  return {
    ...reader,
    ...clientUploads(connection, reader),
    ...clientChanges(connection),
    ...clientLists(connection),
  }
}
