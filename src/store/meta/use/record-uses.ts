import type { Digest } from '../../../core/digest.ts'
import type { RepoName, Tag } from '../../../core/names.ts'
import type { Dialect, Tx } from '../driver.ts'
import type { Use, UseCounts } from '../lifecycle-store.ts'
import { findManifests, holdRepositories, type UsedManifest } from './find-used.ts'
import { RowsStatement } from './rows-statement.ts'

const newest = (table: string, column: string) =>
  `${column} = CASE WHEN excluded.${column} > ${table}.${column} THEN excluded.${column} ELSE ${table}.${column} END`

const TAG_USE = new RowsStatement(
  { repo_id: 'bigint', name: 'text', pulled_at: 'bigint', looked_at: 'bigint' },
  // A tag that is gone is not used any more.
  `INSERT INTO tag_use (repo_id, name, pulled_at, looked_at)
    SELECT DISTINCT use.repo_id, use.name, use.pulled_at, use.looked_at
    FROM use CROSS JOIN tag WHERE tag.repo_id = use.repo_id AND tag.name = use.name
    ON CONFLICT (repo_id, name) DO UPDATE SET
      ${newest('tag_use', 'pulled_at')}, ${newest('tag_use', 'looked_at')}`,
)
const MANIFEST_USE = new RowsStatement(
  {
    repo_id: 'bigint',
    manifest_id: 'bigint',
    pulled_at: 'bigint',
    looked_at: 'bigint',
    platform: 'text',
  },
  `INSERT INTO manifest_use (repo_id, manifest_id, pulled_at, looked_at, platform)
    SELECT DISTINCT repo_id, manifest_id, pulled_at, looked_at, platform FROM use WHERE true
    ON CONFLICT (repo_id, manifest_id) DO UPDATE SET platform = excluded.platform,
      ${newest('manifest_use', 'pulled_at')}, ${newest('manifest_use', 'looked_at')}`,
)
const PULL_DAY = new RowsStatement(
  {
    repo_id: 'bigint',
    day: 'bigint',
    tag: 'text',
    platform: 'text',
    pulls: 'bigint',
    looks: 'bigint',
    referrers: 'bigint',
  },
  `INSERT INTO pull_day (repo_id, day, tag, platform, pulls, looks, referrers)
    SELECT DISTINCT repo_id, day, tag, platform, pulls, looks, referrers FROM use WHERE true
    ON CONFLICT (repo_id, day, tag, platform) DO UPDATE SET pulls = pull_day.pulls + excluded.pulls,
      looks = pull_day.looks + excluded.looks, referrers = pull_day.referrers + excluded.referrers`,
)
const PULL_COUNT = new RowsStatement(
  { id: 'bigint', pulls: 'bigint' },
  'UPDATE repo SET pull_count = pull_count + use.pulls FROM use WHERE repo.id = use.id',
)

/** The names by which cosign and its kin attach things to a digest where there are no referrers lists. */
const REFERRER_TAG = /^sha(?:256|512)-[0-9a-f]{64,128}(?:\.[\w.-]+)?$/
/** What buildkit says of the attestations that it lists beside images. */
const NO_PLATFORM = 'unknown/unknown'

/** A use of a manifest that is there. */
interface Found {
  readonly use: Use
  readonly repo: number
  readonly manifest: UsedManifest
  /** By which it was asked for, or which led there. */
  readonly tag: Tag | undefined
}

/** See UseStore.recordUses. Some statements for all, whatever their number, and one for each repository. */
export async function recordUses(tx: Tx, _dialect: Dialect, uses: readonly Use[]): Promise<void> {
  const found = await findUsed(tx, uses)
  const tags = new Map<string, Times>()
  const manifests = new Map<string, Times & { platform: string | null }>()
  const days = new Map<string, Sum>()
  const repos = new Map<number, number>()
  for (const { use, repo, manifest, tag } of found) {
    if (use.pulls + use.looks + use.referrers === 0) continue
    const { id, platform } = manifest
    if (use.pulls + use.looks > 0) {
      if (tag !== undefined) addTimes(tags, `${repo}/${tag}`, { key: [repo, tag], use })
      addTimes(manifests, `${repo}/${id}`, { key: [repo, id], use, platform })
    }
    const counts = countsOf(use, manifest, tag)
    const key = [repo, use.day, tag ?? '', platform ?? ''] as const
    const sum = days.get(key.join('/')) ?? { key, pulls: 0, looks: 0, referrers: 0 }
    sum.pulls += counts.pulls
    sum.looks += counts.looks
    sum.referrers += counts.referrers
    days.set(key.join('/'), sum)
    if (counts.pulls > 0) repos.set(repo, (repos.get(repo) ?? 0) + counts.pulls)
  }
  const times = ({ key, pulledAt, lookedAt }: Times) => [...key, pulledAt, lookedAt]
  await TAG_USE.run(tx, [...tags.values()].map(times))
  await MANIFEST_USE.run(
    tx,
    [...manifests.values()].map((each) => [...times(each), each.platform]),
  )
  await PULL_DAY.run(
    tx,
    [...days.values()].map(({ key, pulls, looks, referrers }) => [...key, pulls, looks, referrers]),
  )
  await PULL_COUNT.run(tx, [...repos])
}

interface Times {
  readonly key: readonly (string | number)[]
  pulledAt: number
  lookedAt: number
}

interface Sum {
  readonly key: readonly (string | number)[]
  pulls: number
  looks: number
  referrers: number
}

function addTimes<T extends Times>(
  all: Map<string, T>,
  name: string,
  { use: { pulledAt, lookedAt }, ...rest }: { use: Use; key: Times['key']; platform?: string | null },
): void {
  const known = all.get(name)
  if (known === undefined) all.set(name, { ...rest, pulledAt, lookedAt } as T)
  else {
    known.pulledAt = Math.max(known.pulledAt, pulledAt)
    known.lookedAt = Math.max(known.lookedAt, lookedAt)
  }
}

/** An index is a step on the way to an image; what is about another manifest is told apart. */
function countsOf({ pulls, looks, referrers }: Use, manifest: UsedManifest, tag: Tag | undefined): UseCounts {
  const isReferrer =
    manifest.refers || manifest.platform === NO_PLATFORM || (tag !== undefined && REFERRER_TAG.test(tag))
  if (isReferrer) return { pulls: 0, looks, referrers: referrers + pulls }
  return manifest.isIndex ? { pulls: 0, looks: looks + pulls, referrers } : { pulls, looks, referrers }
}

async function findUsed(tx: Tx, uses: readonly Use[]): Promise<Found[]> {
  const repos = await holdRepositories(tx, [...new Set(uses.map(({ repo }) => repo))])
  const digests = new Map<number, Set<Digest>>()
  const idOf = (name: RepoName) => repos.get(name) as number
  const ofHeld = uses.filter(({ repo }) => repos.has(repo))
  for (const { repo, digest } of ofHeld) {
    const known = digests.get(idOf(repo))
    if (known === undefined) digests.set(idOf(repo), new Set([digest]))
    else known.add(digest)
  }
  const manifests = new Map<number, ReadonlyMap<Digest, UsedManifest>>()
  for (const [repo, wanted] of digests) manifests.set(repo, await findManifests(tx, repo, [...wanted]))

  const found: Found[] = []
  for (const use of ofHeld) {
    const repo = idOf(use.repo)
    const manifest = manifests.get(repo)?.get(use.digest)
    if (manifest !== undefined) found.push({ use, repo, manifest, tag: use.tag })
  }
  return withTags(found)
}

/** Gives what was asked for by digest the tag that led to it last, or to the index that lists it. */
function withTags(found: readonly Found[]): Found[] {
  const led = new Map<string, { tag: Tag; at: number }>()
  for (const { use, repo, manifest, tag } of found) {
    if (tag === undefined) continue
    const at = Math.max(use.pulledAt, use.lookedAt)
    const known = led.get(`${repo}/${manifest.id}`)
    if (known === undefined || known.at <= at) led.set(`${repo}/${manifest.id}`, { tag, at })
  }
  return found.map((each) => {
    if (each.tag !== undefined) return each
    const { id, parent } = each.manifest
    const tag = (led.get(`${each.repo}/${id}`) ?? led.get(`${each.repo}/${parent}`))?.tag
    return { ...each, tag }
  })
}
