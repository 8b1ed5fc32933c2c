import { expect, test } from 'bun:test'
import type { ApiClient } from '../../src/api/client.ts'
import { apiAs, basic, registryToken } from './world.ts'
import { onWorlds } from './worlds.ts'

/*
 * Rights that end while requests run: whatever begins after the change was answered is refused, by every door, on both databases.
 */

const PASSWORD = 'a password of somebody'
const REPO = 'acme/private'
const MANIFEST = `/v2/${REPO}/manifests/latest`
const AT_ONCE = 3

type Headers = Record<string, string>
const bearer = (token: string): Headers => ({ Authorization: `Bearer ${token}` })

onWorlds('revoked', (world) => {
  const url = () => world().server.url
  const api = { call: ((...args) => world().api.call(...args)) as ApiClient['call'] }

  let last = 0
  const fresh = (prefix: string) => `${prefix}${++last}`

  async function newUser(): Promise<string> {
    const name = fresh('user')
    await api.call('POST /users', { body: { name, password: PASSWORD } })
    return name
  }

  const grant = (subject: string, verb: 'read' | 'write' = 'read', pattern = 'acme/**') =>
    api.call('POST /namespaces/{namespace}/grants', {
      path: { namespace: 'acme' },
      body: { subject, pattern, verbs: [verb] },
    })
  const ungrant = (id: number) =>
    api.call('DELETE /namespaces/{namespace}/grants/{id}', { path: { namespace: 'acme', id: String(id) } })

  const pulling = (login: readonly [string, string] | undefined) =>
    registryToken(url(), login, `repository:${REPO}:pull,push`)

  /** Every door that a login opens, and a token that was got with it. */
  async function doorsOf(login: readonly [string, string]): Promise<Record<string, [string, Headers]>> {
    return {
      'a registry token': [MANIFEST, bearer(await pulling(login))],
      'the login itself': [MANIFEST, basic(login)],
      'the API': [`/api/v1/repositories/${REPO}/-/tags`, basic(login)],
      'a path of Docker Hub': [`/v2/repositories/${REPO}/`, basic(login)],
    }
  }

  /** Lets requests run by each door without a pause, revokes, and sees what becomes of those that begin afterwards. */
  async function expectRevoked(
    doors: Record<string, [string, Headers]>,
    revoke: () => Promise<unknown>,
    refused: readonly number[],
  ) {
    let revoking = false
    let revoked = false
    const answered = new Set<string>()
    const allAnswered = Promise.withResolvers<void>()
    const after: [string, number][] = []
    const run = async ([what, [path, headers]]: [string, [string, Headers]]) => {
      for (;;) {
        const late = revoked
        const { status } = await fetch(`${url()}${path}`, { headers })
        if (late) {
          after.push([what, status])
          return
        }
        // What is under way meanwhile may end either way.
        if (!revoking) expect([what, status]).toEqual([what, 200])
        answered.add(what)
        if (answered.size === Object.keys(doors).length) allAnswered.resolve()
      }
    }
    const running = Object.entries(doors).flatMap((door) => Array.from({ length: AT_ONCE }, () => run(door)))
    await Promise.race([allAnswered.promise, Promise.all(running)])
    revoking = true
    await revoke()
    revoked = true
    await Promise.all(running)
    expect(after).toHaveLength(running.length)
    for (const [what, status] of after) expect([what, refused.includes(status)]).toEqual([what, true])
  }

  test('a grant is taken back', async () => {
    const name = await newUser()
    const { id } = await grant(`user:${name}`)
    await expectRevoked(await doorsOf([name, PASSWORD]), () => ungrant(id), [403])
  })

  test('a grant to everyone who is signed in is taken back', async () => {
    const { id } = await grant('everyone', 'read', REPO)
    const name = await newUser()
    await expectRevoked(await doorsOf([name, PASSWORD]), () => ungrant(id), [403])
  })

  test('a grant to anyone is taken back', async () => {
    const { id } = await grant('anyone', 'read', REPO)
    const doors = { 'a token of nobody': [MANIFEST, bearer(await pulling(undefined))] } as const
    await expectRevoked({ ...doors } as never, () => ungrant(id), [401])
  })

  async function inTeam() {
    const [name, team] = [await newUser(), fresh('team')]
    const organisation = 'acme'
    await api.call('PUT /organisations/{organisation}/members/{user}', {
      path: { organisation, user: name },
      body: { role: 'member' },
    })
    await api.call('POST /organisations/{organisation}/teams', {
      path: { organisation },
      body: { name: team },
    })
    await api.call('PUT /organisations/{organisation}/teams/{team}/members/{user}', {
      path: { organisation, team, user: name },
    })
    await grant(`team:acme/${team}`)
    return { organisation, name, team, doors: await doorsOf([name, PASSWORD]) }
  }

  test('a member is taken out of its team', async () => {
    const { organisation, name: user, team, doors } = await inTeam()
    const path = { organisation, team, user }
    const leave = () => api.call('DELETE /organisations/{organisation}/teams/{team}/members/{user}', { path })
    await expectRevoked(doors, leave, [403])
  })

  test('a member leaves the organisation', async () => {
    const { organisation, name: user, doors } = await inTeam()
    const path = { organisation, user }
    await expectRevoked(
      doors,
      () => api.call('DELETE /organisations/{organisation}/members/{user}', { path }),
      [403],
    )
  })

  test('a team is deleted', async () => {
    const { organisation, team, doors } = await inTeam()
    const path = { organisation, team }
    await expectRevoked(
      doors,
      () => api.call('DELETE /organisations/{organisation}/teams/{team}', { path }),
      [403],
    )
  })

  test('an owner becomes a member', async () => {
    const user = await newUser()
    const path = { organisation: 'acme', user }
    const be = (role: 'owner' | 'member') =>
      api.call('PUT /organisations/{organisation}/members/{user}', { path, body: { role } })
    await be('owner')
    const doors = await doorsOf([user, PASSWORD])
    const members: [string, Headers] = ['/api/v1/organisations/acme/invitations', basic([user, PASSWORD])]
    await expectRevoked({ ...doors, 'what owners see': members }, () => be('member'), [403])
  })

  test('an administrator is none any more', async () => {
    const user = await newUser()
    const be = (administrator: boolean) =>
      api.call('PATCH /users/{user}', { path: { user }, body: { administrator } })
    await be(true)
    const doors = await doorsOf([user, PASSWORD])
    const audit: [string, Headers] = ['/api/v1/audit', basic([user, PASSWORD])]
    await expectRevoked({ ...doors, 'what administrators see': audit }, () => be(false), [403])
  })

  test('a token is revoked', async () => {
    const user = await newUser()
    await grant(`user:${user}`)
    const { id, secret } = await apiAs(url(), [user, PASSWORD]).call('POST /users/{user}/tokens', {
      path: { user },
      body: { name: 'one', scopes: [{ pattern: 'acme/**', verbs: ['read'] }] },
    })
    const path = { user, id: String(id) }
    const doors = {
      ...(await doorsOf([user, secret])),
      'the secret itself': [MANIFEST, bearer(secret)] as never,
    }
    await expectRevoked(doors, () => api.call('DELETE /users/{user}/tokens/{id}', { path }), [401])
  })

  test('a password is changed', async () => {
    const user = await newUser()
    await grant(`user:${user}`)
    const doors = await doorsOf([user, PASSWORD])
    const signIn = await fetch(`${url()}/api/v1/session`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: url() },
      body: JSON.stringify({ username: user, password: PASSWORD }),
    })
    const cookie = (signIn.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    const session: [string, Headers] = [`/api/v1/users/${user}/tokens`, { Cookie: cookie }]
    const login = await fetch(`${url()}/v2/users/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: user, password: PASSWORD }),
    })
    const { token } = (await login.json()) as { token: string }
    await expectRevoked(
      { ...doors, 'a session': session, 'a login token': [`/api/v1/users/${user}`, bearer(token)] },
      () =>
        api.call('PUT /users/{user}/password', {
          path: { user },
          body: { password: 'quite another password' },
        }),
      [401],
    )
  })

  test('whoever signs in while the password is changed is not in afterwards', async () => {
    for (let round = 0; round < 4; round++) {
      const user = await newUser()
      const json = { 'Content-Type': 'application/json', Origin: url() }
      const signIn = async () => {
        const body = JSON.stringify({ username: user, password: PASSWORD })
        const response = await fetch(`${url()}/api/v1/session`, { method: 'POST', headers: json, body })
        await response.text()
        expect(response.status).toBeOneOf([200, 401])
        return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
      }
      const login = async () => {
        const body = JSON.stringify({ username: user, password: PASSWORD })
        const response = await fetch(`${url()}/v2/users/login`, { method: 'POST', headers: json, body })
        return response.ok ? ((await response.json()) as { token: string }).token : ''
      }
      const change = () =>
        api.call('PUT /users/{user}/password', {
          path: { user },
          body: { password: 'quite another password' },
        })
      const [cookies, tokens] = await Promise.all([
        Promise.all(Array.from({ length: 4 }, signIn)),
        Promise.all(Array.from({ length: 4 }, login)),
        round % 2 === 0 ? change() : signIn().then(change),
      ])
      for (const cookie of cookies) {
        const { status } = await fetch(`${url()}/api/v1/users/${user}/tokens`, {
          headers: { Cookie: cookie },
        })
        expect(status).toBe(401)
      }
      for (const token of tokens.filter((each) => each !== '')) {
        const { status } = await fetch(`${url()}/api/v1/users/${user}/tokens`, { headers: bearer(token) })
        expect(status).toBe(401)
      }
    }
  })

  test.each(['disabled', 'deleted'])('a user is %s', async (what) => {
    const user = await newUser()
    await grant(`user:${user}`)
    const { secret } = await apiAs(url(), [user, PASSWORD]).call('POST /users/{user}/tokens', {
      path: { user },
      body: { name: 'one', scopes: [{ pattern: '**', verbs: ['admin'] }] },
    })
    // Its robots are its own: they go where it goes, also from what is public.
    const robot = await apiAs(url(), [user, PASSWORD]).call('POST /namespaces/{namespace}/robots', {
      path: { namespace: user },
      body: { name: 'bot' },
    })
    const open = 'acme/public'
    const robotToken = await registryToken(url(), [`${user}+bot`, robot.secret], `repository:${open}:pull`)
    const end = () =>
      what === 'disabled'
        ? api.call('PATCH /users/{user}', { path: { user }, body: { disabled: true } })
        : api.call('DELETE /users/{user}', { path: { user } })
    const doors = {
      ...(await doorsOf([user, PASSWORD])),
      'a token of its own': [MANIFEST, bearer(secret)] as never,
      'a robot of its own': [`/v2/${open}/manifests/latest`, bearer(robotToken)] as never,
    }
    await expectRevoked(doors, end, [401])
    // Public repositories, too: what came is no good, whatever it is sent to.
    expect(
      (await fetch(`${url()}/v2/acme/public/manifests/latest`, { headers: bearer(secret) })).status,
    ).toBe(401)
  })

  async function newRobot() {
    const robot = fresh('bot')
    const path = { namespace: 'acme', robot }
    const { secret } = await api.call('POST /namespaces/{namespace}/robots', {
      path: { namespace: 'acme' },
      body: { name: robot },
    })
    await grant(`robot:acme+${robot}`, 'write')
    return { path, doors: await doorsOf([`acme+${robot}`, secret]), secret }
  }

  test('a robot’s secret is changed twice', async () => {
    const { path, doors } = await newRobot()
    const rotate = () => api.call('POST /namespaces/{namespace}/robots/{robot}/secrets', { path })
    // Once it goes on working, that scripts may be given the new one meanwhile.
    await rotate()
    await expectRevoked(doors, rotate, [401])
  })

  test('a robot is disabled, another is deleted', async () => {
    const { path, doors } = await newRobot()
    const disable = () =>
      api.call('PATCH /namespaces/{namespace}/robots/{robot}', { path, body: { disabled: true } })
    await expectRevoked(doors, disable, [401])
    const other = await newRobot()
    const remove = () => api.call('DELETE /namespaces/{namespace}/robots/{robot}', { path: other.path })
    await expectRevoked(other.doors, remove, [401])
  })

  test('a key is revoked', async () => {
    const { path } = await newRobot()
    const { id, file = '' } = await api.call('POST /namespaces/{namespace}/robots/{robot}/keys', {
      path,
      body: { name: 'key' },
    })
    const revoke = () =>
      api.call('DELETE /namespaces/{namespace}/robots/{robot}/keys/{id}', {
        path: { ...path, id: String(id) },
      })
    // In one line: a header has no other.
    const line = JSON.stringify(JSON.parse(file))
    await expectRevoked(await doorsOf(['_json_key', line]), revoke, [401])
  })

  test('a repository becomes private', async () => {
    const see = (visibility: 'public' | 'private') =>
      api.call('PATCH /repositories/{repository}', { path: { repository: REPO }, body: { visibility } })
    await see('public')
    const name = await newUser()
    const doors = await doorsOf([name, PASSWORD])
    await expectRevoked(doors, () => see('private'), [403])
    await see('public')
    const anonymous = {
      'a token of nobody': [MANIFEST, bearer(await pulling(undefined))],
      'nobody in the API': [`/api/v1/repositories/${REPO}`, {}],
    } as Record<string, [string, Headers]>
    await expectRevoked(anonymous, () => see('private'), [401])
  })

  test('links end with the right of who made them', async () => {
    const [administrator, owner, victim] = [await newUser(), await newUser(), await newUser()]
    const be = (body: { administrator?: boolean; disabled?: boolean }) =>
      api.call('PATCH /users/{user}', { path: { user: administrator }, body })
    const member = { path: { organisation: 'acme', user: owner } }
    const join = () =>
      api.call('PUT /organisations/{organisation}/members/{user}', { ...member, body: { role: 'owner' } })
    await be({ administrator: true })
    await join()
    const made = async () => {
      const [site, org] = [apiAs(url(), [administrator, PASSWORD]), apiAs(url(), [owner, PASSWORD])]
      const links = [
        await site.call('POST /users/{user}/password-reset', { path: { user: victim } }),
        await site.call('POST /invitations'),
        await org.call('POST /organisations/{organisation}/invitations', {
          path: { organisation: 'acme' },
          body: { role: 'owner' },
        }),
      ]
      return links.map((link) => new URL(link.url).searchParams.get('token') as string)
    }
    const send = async (path: string, body: object) =>
      (
        await fetch(`${url()}/api/v1/${path}`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(body),
        })
      ).status
    const looksGood = (links: readonly string[]) =>
      Promise.all(links.map(async (link) => (await send('links/inspect', { link })) === 200))
    const [reset = '', invitation = '', ownership = ''] = await made()
    const links = [reset, invitation, ownership]
    expect(await looksGood(links)).toEqual([true, true, true])
    await be({ administrator: false })
    expect(await looksGood(links)).toEqual([false, false, true])
    await api.call('DELETE /organisations/{organisation}/members/{user}', member)
    expect(await looksGood(links)).toEqual([false, false, false])
    await be({ disabled: true })
    const password = 'a password of the maker'
    expect(await send('password-resets', { link: reset, password })).toBe(404)
    for (const link of [invitation, ownership])
      expect(await send('signup', { username: fresh('guest'), password, link })).toBe(404)
    expect((await apiAs(url(), [victim, PASSWORD]).call('GET /session')).name).toBe(victim)
  })

  test('an upload that is under way stops with the right to it', async () => {
    const name = await newUser()
    const { id } = await grant(`user:${name}`, 'write')
    const headers = bearer(await pulling([name, PASSWORD]))
    const opened = await fetch(`${url()}/v2/${REPO}/blobs/uploads/`, { method: 'POST', headers })
    const location = opened.headers.get('location') ?? ''
    const append = (from: number) =>
      fetch(new URL(location, url()), {
        method: 'PATCH',
        headers: {
          ...headers,
          'Content-Type': 'application/octet-stream',
          'Content-Range': `${from}-${from + 2}`,
        },
        body: 'abc',
      })
    expect((await append(0)).status).toBe(202)
    await ungrant(id)
    expect((await append(3)).status).toBe(403)
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect(
        (await fetch(new URL(`${location}?digest=sha256:${'0'.repeat(64)}`, url()), { method, headers }))
          .status,
      ).toBe(403)
  })
})
