import { recordUses } from './record-uses.ts'
import { setStar } from './stars.ts'

/** The commands of UseStore, by name. */
export const USE_COMMANDS = { recordUses, setStar } as const
