import { refuse } from '../core/errors.ts'
import type { Endpoint } from './contract/contract.ts'
import type { ApiParts } from './handler.ts'

/** Of what is no reading: what a registry does that only reads. People sign in to it to read. */
const WHILE_READ_ONLY: ReadonlySet<Endpoint> = new Set<Endpoint>(['POST /session', 'DELETE /session'])

/** Whether an endpoint changes more than who is signed in. */
export function changes(endpoint: Endpoint): boolean {
  return !endpoint.startsWith('GET ') && !WHILE_READ_ONLY.has(endpoint)
}

/** Refuses `read-only` for a change, where nothing is changed. */
export function refuseChange({ settings }: Pick<ApiParts, 'settings'>): void {
  if (!settings.readOnly) return
  throw refuse(
    'read-only',
    'this registry is read-only; make the change in the one it is a copy of, or ask its operator',
  )
}
