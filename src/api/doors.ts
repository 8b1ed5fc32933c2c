import type { Actor, Call } from '../core/context.ts'
import type { ApiParts } from './handler.ts'
import { HUB_DOOR } from './hub/door.ts'
import { JOIN_DOOR } from './join-page.ts'

/** Paths that are answered beside the contract: pages, and paths that tools of other registries call. */
export interface Door {
  /** Whether a path is its own. Takes none of the registry's. */
  handles(path: string): boolean
  /** Refuses as `problem.ts` lists. `actor`: who calls, where that is known without a credential. */
  answer(request: Request, call: Call, parts: ApiParts, actor?: Actor): Promise<Response>
}

export const DOORS: readonly Door[] = [JOIN_DOOR, HUB_DOOR]
