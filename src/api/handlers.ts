import type { Endpoint } from './contract/contract.ts'
import type { Handlers } from './handler.ts'

/** What every endpoint does. */
export const HANDLERS: Partial<Handlers<Endpoint>> = {}
