import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { ApiClient } from '../../src/api/client.ts'
import { patience, runs } from '../fuzz/runs.ts'
import { emptyIndex, INDEX_HEADERS } from './content.ts'
import { basic, registryToken } from './world.ts'
import { onWorlds } from './worlds.ts'

/*
 * Random worlds of grants and visibilities: what every list shows to everyone is what they may pull, no more and no less (SE-7) – as the model
 * says, which is written here a second time, and as a pull of each repository itself answers.
 */

const PASSWORD = 'correct horse battery staple'
const NAMES = {
  acme: ['a', 'a/b', 'a/b/c', 'ab', 'b', 'web', 'web-1', 'web/x'],
  otto: ['a', 'web', 'web/x'],
} as const
const NAMESPACES = ['acme', 'otto'] as const
const REPOS = NAMESPACES.flatMap((namespace) => NAMES[namespace].map((name) => `${namespace}/${name}`))
const GLOBS = [
  '*',
  '**',
  'a',
  'a*',
  'a/*',
  'a/**',
  'a**',
  'web',
  'web*',
  'web?1',
  '*/x',
  '**/x',
  '*b*',
  'none',
  '?',
]

/** What patterns mean, said in another language. */
function fits(pattern: string, name: string): boolean {
  const source = pattern.replace(/\*{2,}|[*?]|[^*?]/g, (piece) => {
    if (piece.length > 1) return '.*'
    if (piece === '*') return '[^/]*'
    return piece === '?' ? '[^/]' : piece.replace(/[-./]/, '\\$&')
  })
  return new RegExp(`^${source}$`).test(name)
}

const namespace = fc.constantFrom(...NAMESPACES)
const pattern = fc.tuple(namespace, fc.constantFrom(...GLOBS)).map((parts) => parts.join('/'))
const subject = fc.constantFrom(
  'user:rita',
  'user:will',
  'user:tina',
  'team:acme/devs',
  'robot:acme+ci',
  'everyone',
  'anyone',
)
// Teams and robots are of their own organisation.
const given = fc
  .record({ subject, pattern })
  .filter((grant) => !/^(team|robot):/.test(grant.subject) || grant.pattern.startsWith('acme/'))
const drawn = fc.record({
  grants: fc.array(given, { maxLength: 5 }),
  publics: fc.subarray(REPOS, { maxLength: 3 }),
  scopes: fc.array(fc.oneof({ weight: 4, arbitrary: pattern }, { weight: 1, arbitrary: fc.constant('**') }), {
    minLength: 1,
    maxLength: 3,
  }),
  limit: fc.integer({ min: 1, max: 4 }),
})

onWorlds('lists', (world) => {
  const url = () => world().server.url
  const api = { call: ((...args) => world().api.call(...args)) as ApiClient['call'] }

  async function clear() {
    for (const space of NAMESPACES) {
      const { items } = await api.call('GET /namespaces/{namespace}/grants', { path: { namespace: space } })
      for (const { id } of items) {
        await api.call('DELETE /namespaces/{namespace}/grants/{id}', {
          path: { namespace: space, id: String(id) },
        })
      }
    }
  }

  async function json(path: string, headers: Record<string, string>): Promise<never> {
    const response = await fetch(`${url()}${path}`, { headers })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as never
  }

  /** The names of a list that is read page by page. */
  async function walk(
    page: (after: string | undefined) => Promise<{ names: string[]; next: string | undefined }>,
  ) {
    const all: string[] = []
    for (let after: string | undefined; ; ) {
      const { names, next } = await page(after)
      all.push(...names)
      if (next === undefined) return all
      after = next
    }
  }

  test(
    'show what may be pulled',
    async () => {
      for (const repo of REPOS) {
        const pushed = await fetch(`${url()}/v2/${repo}/manifests/v1`, {
          method: 'PUT',
          headers: { ...world().basic('site administrator'), ...INDEX_HEADERS },
          body: emptyIndex(repo),
        })
        expect(pushed.status).toBe(201)
      }
      // What was made to begin with stays out of the way.
      await clear()
      await api.call('PATCH /repositories/{repository}', {
        path: { repository: 'acme/public' },
        body: { visibility: 'private' },
      })
      const ours = (names: readonly string[]) => names.filter((name) => REPOS.includes(name))
      let round = 0

      await fc.assert(
        fc.asyncProperty(drawn, async ({ grants, publics, scopes, limit }) => {
          round++
          await clear()
          for (const { subject, pattern } of grants) {
            const [space = ''] = pattern.split('/')
            await api.call('POST /namespaces/{namespace}/grants', {
              path: { namespace: space },
              body: { subject, pattern, verbs: ['read'] },
            })
          }
          for (const repo of REPOS) {
            await api.call('PATCH /repositories/{repository}', {
              path: { repository: repo },
              body: { visibility: publics.includes(repo) ? 'public' : 'private' },
            })
          }
          const scoped = await api.call('POST /users/{user}/tokens', {
            path: { user: 'tina' },
            body: {
              name: `round${round}`,
              scopes: scopes.map((scope) => ({ pattern: scope, verbs: ['read' as const] })),
            },
          })

          const tina = ['user:tina', 'team:acme/devs', 'everyone', 'anyone']
          const people: [
            string,
            readonly [string, string] | undefined,
            (repo: string) => boolean,
            string[],
          ][] = [
            ['nobody', undefined, () => false, ['anyone']],
            ['rita', ['rita', PASSWORD], () => false, ['user:rita', 'everyone', 'anyone']],
            ['will', ['will', PASSWORD], () => false, ['user:will', 'everyone', 'anyone']],
            ['tina', ['tina', PASSWORD], () => false, tina],
            ['otto', ['otto', PASSWORD], (repo) => repo.startsWith('otto/'), ['everyone', 'anyone']],
            ['olga', ['olga', PASSWORD], (repo) => repo.startsWith('acme/'), ['everyone', 'anyone']],
            ['the robot', world().logins.robot, () => false, ['robot:acme+ci', 'everyone', 'anyone']],
            ['the administrator', world().logins['site administrator'], () => true, []],
            ['tina’s token', ['tina', scoped.secret], () => false, tina],
          ]
          for (const [who, login, owns, subjects] of people) {
            const within = (repo: string) =>
              who !== 'tina’s token' || scopes.some((scope) => fits(scope, repo))
            const may = (repo: string) =>
              within(repo) &&
              (owns(repo) ||
                publics.includes(repo) ||
                grants.some((grant) => subjects.includes(grant.subject) && fits(grant.pattern, repo)))
            const expected = REPOS.filter(may).sort()
            const headers = login === undefined ? {} : basic(login)
            const pulled = await Promise.all(
              REPOS.map(async (repo) => {
                const { status } = await fetch(`${url()}/v2/${repo}/manifests/v1`, {
                  method: 'HEAD',
                  headers,
                })
                if (status !== 200) expect([who, status]).toEqual([who, login === undefined ? 401 : 403])
                return status === 200
              }),
            )
            expect([who, 'pulls', REPOS.filter((_, at) => pulled[at]).sort()]).toEqual([
              who,
              'pulls',
              expected,
            ])

            const token = {
              Authorization: `Bearer ${await registryToken(url(), login, 'registry:catalog:*')}`,
            }
            const lists: Record<string, Promise<string[]>> = {
              'the catalogue': walk(async (after) => {
                const query = `?n=${limit}${after === undefined ? '' : `&last=${encodeURIComponent(after)}`}`
                const response = await fetch(`${url()}/v2/_catalog${query}`, { headers: token })
                expect(response.status).toBe(200)
                const { repositories } = (await response.json()) as { repositories: string[] }
                return {
                  names: repositories,
                  next: response.headers.has('link') ? repositories.at(-1) : undefined,
                }
              }),
              'the API’s list': walk(async (after) => {
                const query = `?limit=${limit}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`
                const page: { items: { name: string }[]; next?: string } = await json(
                  `/api/v1/repositories${query}`,
                  headers,
                )
                return { names: page.items.map(({ name }) => name), next: page.next }
              }),
              'docker search': json('/v1/search?q=&n=100', headers).then(
                ({ results, num_results }: { results: { name: string }[]; num_results: number }) => {
                  expect(num_results).toBe(results.length)
                  return results.map(({ name }) => name)
                },
              ),
              'the API’s search': json('/api/v1/search?q=&limit=100', headers).then(
                ({ items, total }: { items: { name: string }[]; total: number }) => {
                  expect(total).toBe(items.length)
                  return items.map(({ name }) => name)
                },
              ),
              'lists by namespace': Promise.all(
                NAMESPACES.map((space) =>
                  json(`/api/v1/repositories?namespace=${space}&limit=1000`, headers),
                ),
              ).then((pages: { items: { name: string }[] }[]) =>
                pages.flatMap(({ items }) => items.map(({ name }) => name)),
              ),
              'Docker Hub’s lists': Promise.all(
                NAMESPACES.map((space) => json(`/v2/repositories/${space}/?page_size=100`, headers)),
              ).then((pages: { count: number; results: { namespace: string; name: string }[] }[]) =>
                pages.flatMap(({ results }) => results.map((each) => `${each.namespace}/${each.name}`)),
              ),
            }
            for (const [what, names] of Object.entries(lists))
              expect([who, what, ours(await names).sort()]).toEqual([who, what, expected])
          }
        }),
        runs(15),
      )
    },
    patience(60_000),
  )
})
