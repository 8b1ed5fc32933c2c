import type { Namespace } from '../../store/meta/access-store.ts'
import type { NAMESPACES } from '../contract/namespaces.ts'
import type { ApiParts, Handlers } from '../handler.ts'
import { said, timeText } from '../values.ts'
import { stale } from '../version-tag.ts'
import { GRANT_HANDLERS } from './grants.ts'
import { noNamespace } from './namespace-names.ts'
import { ROBOT_HANDLERS } from './robots.ts'

/** Namespaces, and what belongs to them: grants and robots. */
export const NAMESPACE_HANDLERS: Handlers<keyof typeof NAMESPACES> = {
  ...GRANT_HANDLERS,
  ...ROBOT_HANDLERS,

  async 'GET /namespaces/{namespace}'({ path }, { store }) {
    return told(await namespaceNamed(path.namespace, store))
  },

  async 'PATCH /namespaces/{namespace}'({ path: { namespace: name }, body, version, cause }, { store }) {
    const changed = await store.updateNamespace(said({ name, ...body, version }), cause)
    if (changed === 'absent') throw noNamespace(name)
    if (changed === 'stale') throw stale()
    return told(await namespaceNamed(name, store))
  },
}

async function namespaceNamed(name: string, store: ApiParts['store']): Promise<Namespace> {
  const found = await store.findNamespace(name)
  if (found === undefined) throw noNamespace(name)
  return found
}

function told({ name, owner, defaultVisibility, undoSeconds, createdAt, version }: Namespace) {
  return {
    name,
    owner: owner ?? null,
    defaultVisibility,
    undoSeconds: undoSeconds ?? null,
    createdAt: timeText(createdAt),
    version,
  }
}
