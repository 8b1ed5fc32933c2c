import { fitsGlob } from '../../core/glob.ts'
import type { Page } from '../../core/registry.ts'
import { verbsIn } from '../../core/verbs.ts'
import type { Grant } from '../../store/meta/access-store.ts'
import type { NAMESPACES } from '../contract/namespaces.ts'
import { Answer, type ApiCall, type ApiParts, type Handlers } from '../handler.ts'
import { pageByIdRequest, pageResult } from '../paging.ts'
import { absent, conflict, Refusal } from '../problem.ts'
import { verbsFrom } from '../rights.ts'
import { idFrom, said, timeText } from '../values.ts'
import { stale } from '../version-tag.ts'
import { noNamespace } from './namespace-names.ts'
import { namespaceOf, repositoryNamed } from './repository-names.ts'

type GrantEndpoint = Extract<keyof typeof NAMESPACES, `${string}grants${string}`>

/** Grants and default grants. Who may be a subject, and which patterns lie in a namespace, the store says. */
export const GRANT_HANDLERS: Handlers<GrantEndpoint> = {
  async 'GET /namespaces/{namespace}/grants'({ path: { namespace }, query }, { store }) {
    if ((await store.findNamespace(namespace)) === undefined) throw noNamespace(namespace)
    return listed(await store.listGrants(namespace, pageByIdRequest(query)))
  },

  async 'POST /namespaces/{namespace}/grants'({ path: { namespace }, body, cause }, parts) {
    return give({ namespace, ...body }, cause, parts)
  },

  async 'DELETE /namespaces/{namespace}/grants/{id}'({ path: { namespace, id }, cause }, { store }) {
    const done = await store.removeGrant({ namespace, id: idFrom(id, noGrant) }, cause)
    if (done === 'absent') throw noGrant(id)
    return undefined
  },

  async 'GET /namespaces/{namespace}/default-grants'({ path: { namespace } }, { store }) {
    return defaultGrants(namespace, store)
  },

  async 'PUT /namespaces/{namespace}/default-grants'(
    { path: { namespace }, body, version, cause },
    { store },
  ) {
    const grants = body.grants.map(({ subject, verbs }) => ({ subject, verbs: verbsFrom(verbs) }))
    const done = await store.setDefaultGrants(said({ namespace, grants, version }), cause)
    if (done === 'absent') throw noNamespace(namespace)
    if (done === 'stale') throw stale()
    if (done === 'no-subject') throw noSubject(grants.map(({ subject }) => subject).join(', '), namespace)
    return defaultGrants(namespace, store)
  },

  async 'GET /repositories/{repository}/-/grants'({ path, query }, { store }) {
    const { name } = await repositoryNamed(path.repository, store)
    return listed(await store.listGrants(namespaceOf(name), pageByIdRequest(query), { repository: name }))
  },

  async 'POST /repositories/{repository}/-/grants'({ path, body, cause }, parts) {
    const { name } = await repositoryNamed(path.repository, parts.store)
    return give({ namespace: namespaceOf(name), pattern: name, ...body }, cause, parts)
  },

  async 'DELETE /repositories/{repository}/-/grants/{id}'({ path, cause }, { store }) {
    const { name } = await repositoryNamed(path.repository, store)
    const namespace = namespaceOf(name)
    const id = idFrom(path.id, noGrant)
    const grant = await store.findGrant({ namespace, id })
    // One for other repositories alone is not told of: whoever administers this one need not see the others.
    if (grant === undefined || !fitsGlob(name, grant.pattern)) throw noGrant(path.id)
    if (grant.pattern !== name) {
      throw conflict(
        `grant ${id} is on ${grant.pattern}, which holds more than ${name}; change it in the namespace ${namespace}`,
      )
    }
    if ((await store.removeGrant({ namespace, id }, cause)) === 'absent') throw noGrant(path.id)
    return undefined
  },
}

/** Sets a grant: 201 for a new one, 200 where it was there, with these verbs or others. */
async function give(
  grant: {
    readonly namespace: string
    readonly subject: string
    readonly pattern: string
    readonly verbs: Parameters<typeof verbsFrom>[0]
  },
  cause: ApiCall<GrantEndpoint>['cause'],
  { store }: Pick<ApiParts, 'store'>,
) {
  const { namespace, subject } = grant
  const set = await store.setGrant({ ...grant, verbs: verbsFrom(grant.verbs) }, cause)
  switch (set.outcome) {
    case 'absent':
      throw noNamespace(namespace)
    case 'no-subject':
      throw noSubject(subject, namespace)
    case 'too-many':
      throw conflict(
        `${namespace} has as many grants as it may have for ${grant.pattern}; give the rights to a team, or on a pattern`,
      )
    default:
      return new Answer(told(set.grant), set.outcome === 'created' ? 201 : 200)
  }
}

async function defaultGrants(namespace: string, store: ApiParts['store']) {
  // Before the grants: with a version that is too old a change is refused, with one that is too new another's would be lost.
  const found = await store.findNamespace(namespace)
  if (found === undefined) throw noNamespace(namespace)
  const grants = await store.listDefaultGrants(namespace)
  return {
    grants: grants.map(({ subject, verbs }) => ({ subject, verbs: verbsIn(verbs) })),
    version: found.version,
  }
}

function listed(page: Page<Grant>) {
  return pageResult(page, told, ({ id }) => String(id))
}

function told({ id, subject, pattern, verbs, createdAt }: Grant) {
  return { id, subject, pattern, verbs: verbsIn(verbs), createdAt: timeText(createdAt) }
}

function noGrant(id: string): Refusal {
  return absent(`there is no grant ${id} here; list the grants to see their numbers`)
}

/** One text for an account that is not there and for a team or a robot of somebody else’s. */
function noSubject(subject: string, namespace: string): Refusal {
  return new Refusal(
    'request-invalid',
    `there is no ${subject} that rights in ${namespace} can be given to; users can have them, and robots and teams of its own owner`,
  )
}
