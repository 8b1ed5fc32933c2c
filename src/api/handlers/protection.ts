import { parseDigest } from '../../core/digest.ts'
import { parseRepoName, type RepoName } from '../../core/names.ts'
import { parseTagPattern } from '../../core/tag-patterns.ts'
import { MAX_PROTECTED } from '../../store/meta/lifecycle-store.ts'
import type { LIFECYCLE } from '../contract/lifecycle.ts'
import type { ApiParts, Handlers } from '../handler.ts'
import { absent, Refusal } from '../problem.ts'
import { atMember, said, timeText } from '../values.ts'
import { stale } from '../version-tag.ts'
import { noNamespace } from './namespace-names.ts'
import { noRepository } from './repository-names.ts'

type ProtectionEndpoint = Extract<
  keyof typeof LIFECYCLE,
  `${string}/immutable-tags` | `${string}/protected-manifests${string}`
>

/** Tags and manifests that nobody moves or deletes. */
export const PROTECTION_HANDLERS: Handlers<ProtectionEndpoint> = {
  async 'GET /repositories/{repository}/-/immutable-tags'({ path }, { store }) {
    return immutableTags(parseRepoName(path.repository), store)
  },

  async 'PUT /repositories/{repository}/-/immutable-tags'({ path, body, version, cause }, { store }) {
    const repo = parseRepoName(path.repository)
    const patterns = body.patterns === null ? undefined : parsed(body.patterns)
    const changed = await store.setImmutable({ repo, patterns, ...said({ version }) }, cause)
    if (changed === 'absent') throw noRepository(repo)
    if (changed === 'stale') throw stale()
    return immutableTags(repo, store)
  },

  async 'GET /namespaces/{namespace}/immutable-tags'({ path: { namespace } }, { store }) {
    return ofNamespace(namespace, store)
  },

  async 'PUT /namespaces/{namespace}/immutable-tags'({ path, body, version, cause }, { store }) {
    const { namespace } = path
    const patterns = parsed(body.patterns)
    const changed = await store.setImmutable({ namespace, patterns, ...said({ version }) }, cause)
    if (changed === 'absent') throw noNamespace(namespace)
    if (changed === 'stale') throw stale()
    return ofNamespace(namespace, store)
  },

  async 'GET /repositories/{repository}/-/protected-manifests'({ path }, { store }) {
    const repo = parseRepoName(path.repository)
    const found = await store.listProtected(repo)
    if (found === undefined) throw noRepository(repo)
    return { items: found.map(({ digest, reason, at }) => ({ digest, reason, since: timeText(at) })) }
  },

  async 'PUT /repositories/{repository}/-/protected-manifests/{digest}'({ path, body, cause }, parts) {
    const repo = parseRepoName(path.repository)
    const digest = parseDigest(path.digest)
    const done = await parts.store.protectManifest({ repo, digest, reason: body?.reason ?? '' }, cause)
    if (done === 'absent') throw await noManifest(repo, digest, parts)
    if (done === 'too-many') {
      throw new Refusal(
        'rule-violated',
        `${repo} has ${MAX_PROTECTED} protected manifests, the most there may be; release some, or make their tags immutable`,
      )
    }
    return undefined
  },

  async 'DELETE /repositories/{repository}/-/protected-manifests/{digest}'({ path, cause }, parts) {
    const repo = parseRepoName(path.repository)
    const digest = parseDigest(path.digest)
    if ((await parts.store.releaseManifest({ repo, digest }, cause)) === 'absent')
      throw await noManifest(repo, digest, parts)
    return undefined
  },
}

function parsed(patterns: readonly string[]): string[] {
  return patterns.map((pattern, index) => atMember(`patterns.${index}`, () => parseTagPattern(pattern)))
}

async function immutableTags(repo: RepoName, store: ApiParts['store']) {
  const found = await store.findImmutable(repo)
  if (found === undefined) throw noRepository(repo)
  const { own, namespace, version } = found
  const patterns = own ?? namespace
  return {
    patterns: [...patterns],
    own: own === undefined ? null : [...own],
    namespace: [...namespace],
    version,
  }
}

async function ofNamespace(namespace: string, store: ApiParts['store']) {
  const found = await store.findNamespaceImmutable(namespace)
  if (found === undefined) throw noNamespace(namespace)
  return { patterns: [...found.patterns], version: found.version }
}

async function noManifest(repo: RepoName, digest: string, { store }: Pick<ApiParts, 'store'>) {
  if ((await store.findRepository(repo)) === undefined) return noRepository(repo)
  return absent(`${repo} has no such manifest ${digest}, or it is not protected`)
}
