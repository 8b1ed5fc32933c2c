import { expect, test } from 'bun:test'
import type { RepoName } from '../../../src/core/names.ts'
import { ALL_VERBS, verbSet } from '../../../src/core/verbs.ts'
import { MAX_DEFAULT_GRANTS } from '../../../src/store/meta/access/default-grants.ts'
import { MAX_GRANTS, MAX_GRANTS_AHEAD, MAX_NAMED_GRANTS } from '../../../src/store/meta/access/grants.ts'
import { image, NOW, openUpload, pushed, rejection } from '../metadata/fixture.ts'
import {
  auditOf,
  CAUSE,
  type DatabaseUnderTest,
  freshName,
  given,
  namespaceOf,
  newOrganisation,
  newRobot,
  newTeam,
  newUser,
  repoName,
} from './fixture.ts'

/** Who is given what. */
export function grantCases(made: () => DatabaseUnderTest) {
  const store = () => made().store
  const set = (namespace: string, subject: string, pattern: string, verbs = 1) =>
    store().setGrant({ namespace, subject, pattern, verbs }, CAUSE)
  const told = async (namespace: string) =>
    (await store().listGrants(namespace, { limit: 100 })).items.map(({ subject, pattern, verbs }) => [
      subject,
      pattern,
      verbs,
    ])

  test('a grant is made, changed, left as it is, and removed; each change is in the audit', async () => {
    const org = await newOrganisation(store())
    const user = `user:${(await newUser(store())).name}`
    const pattern = `${org.name}/*`
    const before = (await auditOf(store(), org.name)).length
    const first = await given(store(), user, pattern, ['push'])
    expect(first).toEqual({ id: first.id, subject: user, pattern, verbs: 7, createdAt: NOW })
    expect(await set(org.name, user, pattern, 7)).toEqual({ outcome: 'unchanged', grant: first })
    expect(await set(org.name, user, pattern, 2)).toEqual({ outcome: 'unchanged', grant: first })
    expect(await set(org.name, user, pattern, 1)).toEqual({
      outcome: 'changed',
      grant: { ...first, verbs: 1 },
    })
    expect(await told(org.name)).toEqual([[user, pattern, 1]])
    const other = await newOrganisation(store())
    expect(await store().removeGrant({ namespace: other.name, id: first.id }, CAUSE)).toBe('absent')
    expect(await store().removeGrant({ namespace: org.name, id: first.id }, CAUSE)).toBe('done')
    expect(await store().removeGrant({ namespace: org.name, id: first.id }, CAUSE)).toBe('absent')
    expect(await told(org.name)).toEqual([])
    const rows = await auditOf(store(), org.name)
    expect(rows.slice(0, rows.length - before)).toEqual([
      { action: 'grant.remove', target: pattern, detail: { subject: user, verbs: ['pull'] } },
      {
        action: 'grant.set',
        target: pattern,
        detail: { subject: user, verbs: ['pull'], before: ['pull', 'push', 'create-tag'] },
      },
      {
        action: 'grant.set',
        target: pattern,
        detail: { subject: user, verbs: ['pull', 'push', 'create-tag'] },
      },
    ])
  })

  test('who may be given something: users, the organisation’s own robots and teams, everyone, anyone', async () => {
    const [org, other] = [await newOrganisation(store()), await newOrganisation(store())]
    const user = await newUser(store())
    const robot = await newRobot(store(), org.name)
    const team = await newTeam(store(), org.name, user.name)
    const foreign = await newTeam(store(), other.name, user.name)
    const foreignRobots = [await newRobot(store(), other.name), await newRobot(store(), user.name)]
    const pattern = `${org.name}/x`
    const good = [
      `robot:${robot.name}`,
      `team:${org.name}/${team}`,
      `user:${user.name}`,
      'anyone',
      'everyone',
    ]
    for (const subject of good) expect((await set(org.name, subject, pattern)).outcome).toBe('created')
    expect((await told(org.name)).map(([subject]) => subject as string).sort()).toEqual(good.sort())
    for (const subject of [
      `user:${org.name}`,
      `user:${robot.name}`,
      `robot:${user.name}`,
      `user:${freshName('nobody')}`,
      `team:${other.name}/${foreign}`,
      ...foreignRobots.map(({ name }) => `robot:${name}`),
      `team:${org.name}/nobody`,
      `team:${org.name}`,
      `team:${org.name}/${team}/x`,
      'robot:a+b',
    ])
      expect([subject, (await set(org.name, subject, pattern)).outcome]).toEqual([subject, 'no-subject'])
    for (const subject of [
      '',
      'nobody',
      'user:',
      'USER:x',
      'user:A',
      `user:x\0`,
      'group:x',
      'token:1',
      'all',
    ])
      expect([subject, (await rejection(set(org.name, subject, pattern))).kind]).toEqual([
        subject,
        'request-invalid',
      ])
    expect((await set(freshName('n'), 'everyone', pattern).catch((error) => error)).kind).toBe(
      'pattern-invalid',
    )
    const absent = freshName('n')
    expect((await set(absent, 'everyone', `${absent}/x`)).outcome).toBe('absent')
  })

  test('a pattern lies in its namespace', async () => {
    const org = await newOrganisation(store())
    const s = org.name
    for (const pattern of [`${s}/x`, `${s}/*`, `${s}/**`, `${s}/a/b*/?`])
      expect((await set(s, 'everyone', pattern)).outcome).toBe('created')
    for (const pattern of [
      s,
      '**',
      '*/x',
      `${s}*`,
      `${s}**`,
      `${s}*/x`,
      `x${s}/y`,
      `${s}x/y`,
      `/${s}/x`,
      '',
      `${s}/`,
      `${s}/X`,
      `${s}/x\0`,
      `${s}/../x y`,
    ])
      expect([pattern, (await rejection(set(s, 'everyone', pattern))).kind]).toEqual([
        pattern,
        pattern.includes('\0') ? 'request-invalid' : 'pattern-invalid',
      ])
  })

  test('anyone may be given pull only, and nobody nothing', async () => {
    const { name } = await newOrganisation(store())
    for (const verbs of [2, 4, 8, 16, 3, ALL_VERBS]) {
      const error = await rejection(set(name, 'anyone', `${name}/x`, verbs))
      expect(error.kind).toBe('request-invalid')
      expect(error.message).toContain('pull only')
    }
    for (const verbs of [0, 32, -32])
      expect((await rejection(set(name, 'everyone', `${name}/x`, verbs))).kind).toBe('request-invalid')
    expect(await told(name)).toEqual([])
  })

  test('a namespace has 250 grants on patterns at most, and those of names do not count', async () => {
    const { name } = await newOrganisation(store())
    await made().sql(`INSERT INTO access_grant (ns_id, wild, subject_kind, subject_id, pattern, verbs, created_at)
      WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${MAX_GRANTS})
      SELECT (SELECT id FROM namespace WHERE name = '${name}'), 1, 3, 0, '${name}/' || i || '*', 1, 1 FROM n`)
    expect((await set(name, 'everyone', `${name}/x`)).outcome).toBe('created')
    expect((await set(name, 'everyone', `${name}/x*`)).outcome).toBe('created')
    expect((await set(name, 'everyone', `${name}/y*`)).outcome).toBe('too-many')
    expect((await set(name, 'everyone', `${name}/y`)).outcome).toBe('created')
    expect((await set(name, 'everyone', `${name}/x*`, 2)).outcome).toBe('changed')
  })

  test('grants are listed by number, page by page, and those on one repository without the others', async () => {
    const { name } = await newOrganisation(store())
    const other = await newOrganisation(store())
    await given(store(), 'everyone', `${other.name}/**`)
    const patterns = ['web', 'api', '*', 'web/deep', 'w?b', '**', 'x*', 'web*/*']
    const ids = new Map<string, number>()
    // More on one name, too.
    for (const pattern of patterns)
      ids.set(pattern, (await given(store(), 'everyone', `${name}/${pattern}`)).id)
    const user = `user:${(await newUser(store())).name}`
    ids.set('web of a user', (await given(store(), user, `${name}/web`)).id)

    const walk = async (limit: number, filter?: { repository: RepoName }) => {
      const seen: number[] = []
      let last: number | undefined
      for (;;) {
        const page = await store().listGrants(name, { limit, ...(last !== undefined && { last }) }, filter)
        expect(page.items.length).toBeLessThanOrEqual(limit)
        seen.push(...page.items.map(({ id }) => id))
        if (!page.more) return seen
        expect(page.items.length).toBe(limit)
        last = seen.at(-1)
      }
    }
    const all = [...ids.values()]
    for (const limit of [1, 4, 8, 9, 10]) expect(await walk(limit)).toEqual(all)
    const on = async (limit: number, repo: string) => {
      const seen = await walk(limit, { repository: repoName(`${name}/${repo}`) })
      return [...ids].filter(([, id]) => seen.includes(id)).map(([pattern]) => pattern)
    }
    for (const limit of [1, 4, 5, 6]) {
      expect(await on(limit, 'web')).toEqual(['web', '*', 'w?b', '**', 'web of a user'])
      expect(await on(limit, 'web/deep')).toEqual(['web/deep', '**', 'web*/*'])
      expect(await on(limit, 'none')).toEqual(['*', '**'])
    }
    const foreign = { repository: repoName(`${other.name}/web`) }
    expect(await walk(9, foreign)).toEqual([])
    expect(await store().listGrants(freshName('n'), { limit: 9 })).toEqual({ items: [], more: false })

    const id = ids.get('w?b') as number
    expect(await store().findGrant({ namespace: name, id })).toMatchObject({ id, pattern: `${name}/w?b` })
    expect(await store().findGrant({ namespace: other.name, id })).toBeUndefined()
  })

  test('a list of grants on one repository does not grow with the others', async () => {
    const { name } = await newOrganisation(store())
    const rows = 2_000
    await made().sql(`INSERT INTO access_grant (ns_id, wild, subject_kind, subject_id, pattern, verbs, created_at)
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
      SELECT (SELECT id FROM namespace WHERE name = '${name}'), 0, 3, 0, '${name}/r' || i, 1, 1 FROM n`)
    const repository = repoName(`${name}/r7`)
    const { items, more } = await store().listGrants(name, { limit: rows }, { repository })
    expect([items.map(({ pattern }) => pattern), more]).toEqual([[`${name}/r7`], false])
    expect((await store().listGrants(name, { limit: rows - 1 })).more).toBe(true)
    expect((await store().listGrants(name, { limit: rows })).more).toBe(false)
  })

  test('a repository has a thousand grants on its name at most, and those of others do not count', async () => {
    const { name } = await newOrganisation(store())
    await made().sql(`INSERT INTO access_grant (ns_id, wild, subject_kind, subject_id, pattern, verbs, created_at)
      WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${MAX_NAMED_GRANTS})
      SELECT (SELECT id FROM namespace WHERE name = '${name}'), 0, 1, -i, '${name}/web', 1, 1 FROM n`)
    expect((await set(name, 'everyone', `${name}/web`)).outcome).toBe('created')
    expect((await set(name, 'anyone', `${name}/web`)).outcome).toBe('too-many')
    expect((await set(name, 'everyone', `${name}/web`, 2)).outcome).toBe('changed')
    expect((await set(name, 'anyone', `${name}/api`)).outcome).toBe('created')
    expect((await set(name, 'anyone', `${name}/web*`)).outcome).toBe('created')
  })

  test('a namespace has ten thousand grants on names without a repository at most, and those of repositories do not count', async () => {
    const { name } = await newOrganisation(store())
    await made().sql(`INSERT INTO access_grant (ns_id, wild, subject_kind, subject_id, pattern, verbs, created_at)
      WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${MAX_GRANTS_AHEAD})
      SELECT (SELECT id FROM namespace WHERE name = '${name}'), 0, 1, -i, '${name}/r' || i, 1, 1 FROM n`)
    await store().createRepository({ name: repoName(`${name}/web`) }, CAUSE)
    expect((await set(name, 'everyone', `${name}/web`)).outcome).toBe('created')
    expect((await set(name, 'everyone', `${name}/one`)).outcome).toBe('created')
    expect((await set(name, 'everyone', `${name}/two`)).outcome).toBe('too-many')
    expect((await set(name, 'everyone', `${name}/one`, 2)).outcome).toBe('changed')
    expect((await set(name, 'anyone', `${name}/web`)).outcome).toBe('created')
    await store().createRepository({ name: repoName(`${name}/one`) }, CAUSE)
    expect((await set(name, 'everyone', `${name}/two`)).outcome).toBe('created')
    expect((await set(name, 'everyone', `${name}/three`)).outcome).toBe('too-many')
  })

  test('a namespace has fifty default grants at most', async () => {
    const { name } = await newOrganisation(store())
    const grants: { subject: string; verbs: number }[] = []
    for (let at = 0; at < MAX_DEFAULT_GRANTS; at++)
      grants.push({ subject: `user:${(await newUser(store())).name}`, verbs: 1 })
    expect(await store().setDefaultGrants({ namespace: name, grants }, CAUSE)).toBe('done')
    const more = { namespace: name, grants: [...grants, { subject: 'everyone', verbs: 1 }] }
    expect((await rejection(store().setDefaultGrants(more, CAUSE))).kind).toBe('request-invalid')
    expect((await store().listDefaultGrants(name)).length).toBe(MAX_DEFAULT_GRANTS)
  })

  test('the same grant from many at once is made once', async () => {
    const { name } = await newOrganisation(store())
    const outcomes = await Promise.all(Array.from({ length: 24 }, () => set(name, 'everyone', `${name}/*`)))
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual([
      'created',
      ...Array.from({ length: 23 }, () => 'unchanged' as const),
    ])
    expect((await auditOf(store(), name)).filter(({ action }) => action === 'grant.set').length).toBe(1)
  })

  test('default grants: a new repository gets each of them as its own', async () => {
    const org = await newOrganisation(store())
    const user = await newUser(store())
    const team = `team:${org.name}/${await newTeam(store(), org.name, user.name)}`
    const defaults = (grants: { subject: string; verbs: number }[]) =>
      store().setDefaultGrants({ namespace: org.name, grants }, CAUSE)
    const before = (await auditOf(store(), org.name)).length
    const wanted = [
      { subject: team, verbs: verbSet(['push']) },
      { subject: 'everyone', verbs: verbSet(['pull']) },
    ]
    expect(await defaults(wanted)).toBe('done')
    expect(await defaults([...wanted].reverse())).toBe('done')
    expect(await store().listDefaultGrants(org.name)).toEqual(wanted)
    expect((await auditOf(store(), org.name)).length - before).toBe(1)

    await openUpload(store(), repoName(`${org.name}/uploaded`))
    await pushed(store(), repoName(`${org.name}/pushed`), image())
    await store().createRepository({ name: repoName(`${org.name}/created`) }, CAUSE)
    await pushed(store(), repoName(`${org.name}/pushed`), image())
    expect((await told(org.name)).map(String).sort()).toEqual(
      ['created', 'pushed', 'uploaded']
        .flatMap((name) => [`everyone,${org.name}/${name},1`, `${team},${org.name}/${name},7`])
        .sort(),
    )
    expect(await defaults([])).toBe('done')
    await store().createRepository({ name: repoName(`${org.name}/later`) }, CAUSE)
    expect((await told(org.name)).length).toBe(6)
    const { grants } = await store().readAccess({
      account: user.id,
      repo: repoName(`${org.name}/pushed`),
      now: NOW,
    })
    expect(grants.map(({ pattern }) => String(pattern))).toEqual([`${org.name}/pushed`, `${org.name}/pushed`])

    expect(await defaults([{ subject: `user:${freshName('x')}`, verbs: 1 }])).toBe('no-subject')
    const nowhere = { namespace: freshName('n'), grants: [] }
    expect(await store().setDefaultGrants(nowhere, CAUSE)).toBe('absent')
    for (const bad of [
      [{ subject: 'anyone', verbs: 2 }],
      [{ subject: 'everyone', verbs: 0 }],
      [...wanted, { subject: 'everyone', verbs: 3 }],
      Array.from({ length: MAX_DEFAULT_GRANTS + 1 }, (_, at) => ({ subject: `user:u${at}`, verbs: 1 })),
    ])
      expect((await rejection(defaults(bad))).kind).toBe('request-invalid')
    expect(await store().listDefaultGrants(org.name)).toEqual([])
  })

  test('what a push creates follows its namespace, and a new namespace is nobody’s', async () => {
    const org = await newOrganisation(store())
    const visibility = async (name: string) => (await store().findRepository(repoName(name)))?.visibility
    await pushed(store(), repoName(`${org.name}/before`), image())
    const { version } = await namespaceOf(store(), org.name)
    const update = (defaultVisibility: 'public' | 'private', at?: number) =>
      store().updateNamespace(
        { name: org.name, defaultVisibility, ...(at !== undefined && { version: at }) },
        CAUSE,
      )
    expect(await update('public', version + 1)).toBe('stale')
    expect(await update('public', version)).toBe('done')
    expect(await update('public')).toBe('done')
    expect(await namespaceOf(store(), org.name)).toEqual({
      name: org.name,
      createdAt: NOW,
      owner: { kind: 'organisation', name: org.name },
      defaultVisibility: 'public',
      undoSeconds: undefined,
      version: version + 1,
    })
    await pushed(store(), repoName(`${org.name}/after`), image())
    expect([await visibility(`${org.name}/before`), await visibility(`${org.name}/after`)]).toEqual([
      'private',
      'public',
    ])
    const changes = (await auditOf(store(), org.name)).filter(({ action }) => action === 'namespace.update')
    expect(changes).toEqual([
      {
        action: 'namespace.update',
        target: org.name,
        detail: { defaultVisibility: { from: 'private', to: 'public' } },
      },
    ])

    const fresh = freshName('n')
    expect(await store().findNamespace(fresh)).toBeUndefined()
    await pushed(store(), repoName(`${fresh}/x`), image())
    expect(await store().findNamespace(fresh)).toMatchObject({
      owner: undefined,
      defaultVisibility: 'private',
    })
    expect(await store().updateNamespace({ name: freshName('n'), defaultVisibility: 'public' }, CAUSE)).toBe(
      'absent',
    )
    expect((await rejection(store().findNamespace('a\0'))).kind).toBe('request-invalid')
  })
}
