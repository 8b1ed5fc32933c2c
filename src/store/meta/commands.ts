import { ACCESS_COMMANDS } from './access/commands.ts'
import { ACCOUNT_COMMANDS } from './accounts/commands.ts'
import { COLLECT_COMMANDS } from './collect/commands.ts'
import { deleteBlob, deleteManifest, deleteTag } from './delete.ts'
import type { Dialect, Tx } from './driver.ts'
import { clearTombstones } from './garbage.ts'
import { HISTORY_COMMANDS } from './history/store.ts'
import { extendLease, mountBlob } from './links.ts'
import { pairStorage } from './pairing.ts'
import { postponeReview } from './postpone-review.ts'
import { PROTECTION_COMMANDS } from './protection/store.ts'
import { pushManifest } from './push-manifest.ts'
import { abortUpload, advanceUpload, finishUpload, openUpload, sweepUploads } from './uploads.ts'
import { USE_COMMANDS } from './use/commands.ts'

/**
 * Every command by name: one transaction each, run unchanged in the SQLite worker and on PostgreSQL. Arguments and results cross
 * a thread, so they are plain values.
 */
export const COMMANDS = {
  ...ACCESS_COMMANDS,
  ...ACCOUNT_COMMANDS,
  ...COLLECT_COMMANDS,
  ...HISTORY_COMMANDS,
  ...PROTECTION_COMMANDS,
  ...USE_COMMANDS,
  abortUpload,
  advanceUpload,
  clearTombstones: (tx: Tx, _dialect: Dialect, keys: Parameters<typeof clearTombstones>[1]) =>
    clearTombstones(tx, keys),
  deleteBlob,
  deleteManifest,
  deleteTag,
  extendLease,
  finishUpload,
  mountBlob,
  openUpload,
  pairStorage,
  /** Changes nothing; answers when the writer does. */
  ping: async () => {},
  postponeReview,
  pushManifest,
  sweepUploads,
} as const

export type CommandName = keyof typeof COMMANDS
export type CommandArgs<Name extends CommandName> =
  Parameters<(typeof COMMANDS)[Name]> extends [Tx, Dialect, infer Args] ? Args : undefined
export type CommandResult<Name extends CommandName> = Awaited<ReturnType<(typeof COMMANDS)[Name]>>

/** Runs a command in a transaction of its own and resolves once it is durable. */
export type RunCommand = <Name extends CommandName>(
  name: Name,
  args: CommandArgs<Name>,
) => Promise<CommandResult<Name>>
