import { expect, test } from 'bun:test'
import { type ApiClient, ApiError } from '../../src/api/client.ts'
import { apiAs, basic } from './world.ts'
import { onWorlds } from './worlds.ts'

/*
 * What other sites can make a browser do, what somebody can plant in one, what can be slipped into a body, and whose things a number in a path
 * reaches – against a running server.
 */

const PASSWORD = 'correct horse battery staple'

/** Whatever a page of somebody else's can make a browser say to the server at an address. */
const FOREIGN: [string, (url: string) => Record<string, string>][] = [
  ['another site', () => ({ Origin: 'https://evil.test' })],
  [
    'another site, as browsers say it now',
    () => ({ Origin: 'https://evil.test', 'Sec-Fetch-Site': 'cross-site' }),
  ],
  ['no origin at all', () => ({})],
  ['null, of a sandbox or a file', () => ({ Origin: 'null' })],
  ['a sandbox that says it is from here', () => ({ Origin: 'null', 'Sec-Fetch-Site': 'same-origin' })],
  ['a subdomain', (url) => ({ Origin: url.replace('//', '//evil.'), 'Sec-Fetch-Site': 'same-site' })],
  ['a subdomain without an origin', () => ({ 'Sec-Fetch-Site': 'same-site' })],
  ['another port', (url) => ({ Origin: `${url}1` })],
  ['no port', (url) => ({ Origin: url.replace(/:\d+$/, '') })],
  ['another scheme', (url) => ({ Origin: url.replace('http:', 'https:') })],
  ['its name within another', (url) => ({ Origin: `${url}.evil.test` })],
  ['its name before an at sign', (url) => ({ Origin: `${url}@evil.test` })],
  ['a path', (url) => ({ Origin: `${url}/` })],
  ['capitals', (url) => ({ Origin: url.toUpperCase() })],
  ['a Referer alone', (url) => ({ Referer: `${url}/` })],
  ['two origins', (url) => ({ Origin: `https://evil.test, ${url}` })],
  ['an override of the method', () => ({ Origin: 'https://evil.test', 'X-HTTP-Method-Override': 'GET' })],
  [
    'a forwarded host',
    () => ({ Origin: 'https://evil.test', 'X-Forwarded-Host': 'evil.test', 'X-Forwarded-Proto': 'https' }),
  ],
]

onWorlds('sessions', (world) => {
  const url = () => world().server.url
  const api = { call: ((...args) => world().api.call(...args)) as ApiClient['call'] }
  let last = 0
  async function newUser(): Promise<string> {
    const name = `person${++last}`
    await api.call('POST /users', { body: { name, password: PASSWORD } })
    return name
  }

  interface Asking {
    readonly method?: string
    readonly cookie?: string | undefined
    readonly headers?: Record<string, string>
    readonly body?: unknown
  }

  /** A request as the page of this server sends it, unless told otherwise. */
  async function ask(path: string, { method = 'GET', cookie, headers, body }: Asking = {}) {
    const response = await fetch(`${url()}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(cookie !== undefined && { Cookie: cookie }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(headers ?? { Origin: url() }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      cookie: response.headers.get('set-cookie') ?? undefined,
      text,
      json: () => JSON.parse(text),
    }
  }

  async function signIn(username: string, asking: Asking = {}, password = PASSWORD): Promise<string> {
    const answer = await ask('/api/v1/session', { method: 'POST', body: { username, password }, ...asking })
    expect(answer.status).toBe(200)
    return (answer.cookie ?? '').split(';')[0] ?? ''
  }
  const who = async (cookie: string) => (await ask('/api/v1/session', { cookie })).json().name

  test('the cookie is kept from scripts and from other sites', async () => {
    const name = await newUser()
    const { cookie = '' } = await ask('/api/v1/session', {
      method: 'POST',
      body: { username: name, password: PASSWORD },
    })
    const [pair = '', ...attributes] = cookie.split('; ')
    expect(pair).toMatch(/^berth_session=berth_ses_\w{46}$/)
    expect(attributes.filter((each) => !each.startsWith('Max-Age='))).toEqual([
      'Path=/',
      'HttpOnly',
      'SameSite=Lax',
    ])
  })

  test('fixation: what somebody planted never becomes the user’s session', async () => {
    const [victim, attacker] = [await newUser(), await newUser()]
    const planted = await signIn(attacker)
    const cookie = await signIn(victim, { cookie: planted })
    expect(cookie).not.toBe(planted)
    expect([await who(cookie), await who(planted)]).toEqual([victim, undefined])
    // One of the victim's own and a planted one together are nobody's, in whichever order.
    const another = await signIn(attacker)
    for (const both of [`${cookie}; ${another}`, `${another}; ${cookie}`])
      expect(await who(both)).toBeUndefined()
    // What has only the form of a secret is none, and does not become one by signing in.
    const made = `berth_session=berth_ses_${'a'.repeat(46)}`
    expect(await signIn(victim, { cookie: made })).not.toBe(made)
    expect(await who(made)).toBeUndefined()
  })

  test('signing out ends the session on the server, and no other', async () => {
    const name = await newUser()
    const [here, there] = [await signIn(name), await signIn(name)]
    const out = await ask('/api/v1/session', { method: 'DELETE', cookie: here })
    expect([out.status, out.cookie]).toEqual([204, expect.stringContaining('Max-Age=0')])
    expect([await who(here), await who(there)]).toEqual([undefined, name])
    expect((await ask(`/api/v1/users/${name}/tokens`, { cookie: here })).status).toBe(401)
  })

  test('changing the password ends every other session, and wants the present one', async () => {
    const name = await newUser()
    const [here, there] = [await signIn(name), await signIn(name)]
    const change = (body: object) =>
      ask(`/api/v1/users/${name}/password`, { method: 'PUT', cookie: here, body })
    const password = 'a new password for a person'
    expect((await change({ password })).status).toBe(400)
    expect((await change({ password, current: 'wrong' })).status).toBe(403)
    expect([await who(here), await who(there)]).toEqual([name, name])
    expect((await change({ password, current: PASSWORD })).status).toBe(204)
    expect([await who(here), await who(there)]).toEqual([name, undefined])
    const old = await ask('/api/v1/session', { method: 'POST', body: { username: name, password: PASSWORD } })
    expect(old.status).toBe(401)
    await signIn(name, {}, password)
  })

  test.each(FOREIGN)('a page of %s changes nothing with the cookie', async (_, headers) => {
    const name = await newUser()
    const cookie = await signIn(name)
    const changes: [string, string, unknown][] = [
      ['PATCH', `/api/v1/users/${name}`, { email: 'evil@evil.test' }],
      ['PUT', `/api/v1/users/${name}/password`, { password: 'evil evil evil', current: PASSWORD }],
      [
        'POST',
        `/api/v1/users/${name}/tokens`,
        { name: 'evil', scopes: [{ pattern: '**', verbs: ['admin'] }] },
      ],
      ['POST', '/api/v1/organisations', { name: `evil${last}` }],
      ['POST', '/api/v1/repositories', { name: `${name}/evil` }],
      ['POST', '/v2/repositories/', { namespace: name, name: 'evil' }],
      ['DELETE', `/api/v1/users/${name}`, undefined],
      ['DELETE', '/api/v1/session', undefined],
    ]
    for (const [method, path, body] of changes) {
      const { status } = await ask(path, { method, cookie, headers: headers(url()), body })
      expect([method, path, status]).toEqual([method, path, 403])
    }
    expect(await who(cookie)).toBe(name)
    expect((await ask(`/api/v1/users/${name}/tokens`, { cookie })).json().items).toEqual([])
    expect((await ask(`/api/v1/users/${name}`, { cookie })).json().email).toBe('')
  })

  test.each(FOREIGN.filter(([, headers]) => 'Origin' in headers('http://registry.test')))(
    'a page of %s signs nobody in, nor uses a login that the browser remembers',
    async (_, headers) => {
      const name = await newUser()
      const body = { username: name, password: PASSWORD }
      const answer = await ask('/api/v1/session', { method: 'POST', headers: headers(url()), body })
      expect([answer.status, answer.cookie]).toEqual([403, undefined])
      for (const path of ['/v2/users/login', '/v2/auth/token']) {
        const hub = { ...body, identifier: name, secret: PASSWORD }
        expect([
          path,
          (await ask(path, { method: 'POST', headers: headers(url()), body: hub })).status,
        ]).toEqual([path, 403])
      }
      const remembered = { ...headers(url()), ...basic([name, PASSWORD]) }
      const made = await ask('/api/v1/repositories', {
        method: 'POST',
        headers: remembered,
        body: { name: `${name}/evil` },
      })
      expect(made.status).toBe(403)
    },
  )

  test.each([
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/json',
    'application/csp-report',
    '',
  ])('a form of type %p changes nothing, even from here', async (type) => {
    const name = await newUser()
    const cookie = await signIn(name)
    for (const body of ['{"name":"formed"}', 'name=formed', '{"name":"formed","x":"=', '']) {
      const response = await fetch(`${url()}/api/v1/organisations`, {
        method: 'POST',
        headers: { Cookie: cookie, Origin: url(), 'Content-Type': type },
        body: Buffer.from(body),
      })
      expect([400, 415]).toContain(response.status)
    }
    expect((await ask('/api/v1/organisations', { cookie })).json().items).toEqual([])
  })

  test('no other site may read anything: there is no CORS', async () => {
    for (const path of [
      '/api/v1/session',
      '/v2/',
      '/token',
      '/v2/repositories/acme/public/',
      '/.well-known/jwks.json',
    ]) {
      for (const method of ['GET', 'OPTIONS']) {
        const response = await fetch(`${url()}${path}`, {
          method,
          headers: { Origin: 'https://evil.test', 'Access-Control-Request-Method': 'PUT' },
        })
        await response.text()
        const names = [...response.headers.keys()].filter((name) => name.startsWith('access-control-'))
        expect([path, method, names]).toEqual([path, method, []])
      }
    }
  })

  test('reading never changes anything, whatever its query says', async () => {
    const name = await newUser()
    const cookie = await signIn(name)
    for (const method of ['GET', 'HEAD']) {
      for (const path of [`/api/v1/users/${name}?_method=DELETE`, '/api/v1/session?_method=DELETE'])
        await ask(path, { method, cookie, headers: { 'Sec-Fetch-Site': 'cross-site' } })
    }
    expect(await who(cookie)).toBe(name)
  })

  const statusOf = (error: unknown) => {
    if (error instanceof ApiError) return error.status
    throw error
  }
  const tried = (done: Promise<unknown>) => done.then(() => 200, statusOf)

  test('mass assignment: nobody makes an administrator of themselves', async () => {
    const name = await newUser()
    const self = apiAs(url(), [name, PASSWORD])
    for (const body of [
      { administrator: true },
      { administrator: false },
      { disabled: false },
      { displayName: 'x', administrator: true },
    ])
      expect(await tried(self.call('PATCH /users/{user}', { path: { user: name }, body }))).toBe(403)
    for (const body of [
      { name: 'admin' },
      { kind: 'operator' },
      { id: 1 },
      { version: 99 },
      { isAdministrator: true },
      { Administrator: true },
      { password: 'by the back door' },
      { organisations: [{ organisation: 'acme', role: 'owner' }] },
    ])
      expect(
        await tried(self.call('PATCH /users/{user}', { path: { user: name }, body: body as never })),
      ).toBe(400)

    const { url: link } = await api.call('POST /invitations')
    const token = new URL(link).searchParams.get('token') ?? ''
    const signUp = (more: object) =>
      ask('/api/v1/signup', {
        method: 'POST',
        body: { username: `sly${last}`, password: PASSWORD, link: token, ...more },
      })
    for (const more of [
      { administrator: true },
      { role: 'owner' },
      { organisation: 'acme' },
      { name: 'admin' },
      { disabled: false },
      { adopt: true },
    ])
      expect([more, (await signUp(more)).status]).toEqual([more, 400])
    const made = await signUp({})
    expect([made.status, made.json().administrator]).toEqual([201, false])
    // Once.
    expect((await signUp({ username: `sly${last}b` })).status).toBe(404)
    // Nor by the page, whose form is another.
    const { url: second } = await api.call('POST /invitations')
    const form = new URLSearchParams({
      token: new URL(second).searchParams.get('token') ?? '',
      username: `formed${last}`,
      password: PASSWORD,
      repeated: PASSWORD,
      administrator: 'true',
      role: 'owner',
    })
    const page = await fetch(`${url()}/join`, { method: 'POST', body: form })
    expect(page.status).toBe(200)
    const { administrator } = await api.call('GET /users/{user}', { path: { user: `formed${last}` } })
    expect(administrator).toBe(false)

    for (const [endpoint, body] of [
      ['/api/v1/organisations', { name: `org${last}`, administrator: true }],
      ['/api/v1/organisations', { name: `org${last}`, id: 1 }],
      [
        `/api/v1/users/${name}/tokens`,
        { name: 't', scopes: [{ pattern: '**', verbs: ['pull'] }], account: 'admin' },
      ],
      [
        `/api/v1/users/${name}/tokens`,
        { name: 't', scopes: [{ pattern: '**', verbs: ['pull'] }], secret: 'berth_pat_x' },
      ],
      [`/api/v1/users/${name}/keys`, { name: 'k', account: 'admin' }],
      [`/api/v1/namespaces/${name}/robots`, { name: 'r', owner: 'acme' }],
      ['/api/v1/repositories', { name: `${name}/r`, official: true }],
      ['/api/v1/repositories', { name: `${name}/r`, stars: 1000 }],
    ] as const) {
      const answer = await ask(endpoint, { method: 'POST', headers: basic([name, PASSWORD]), body })
      expect([endpoint, body, answer.status]).toEqual([endpoint, body, 400])
    }
    // Whoever owns an organisation makes owners of it, and no organisation for others.
    const owner = { name: `mine${last}`, owner: 'admin' }
    expect(await tried(self.call('POST /organisations', { body: owner }))).toBe(403)
  })

  test('one link makes one account, however many ask at once', async () => {
    const { url: link } = await api.call('POST /invitations')
    const token = new URL(link).searchParams.get('token') ?? ''
    const made = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        ask('/api/v1/signup', {
          method: 'POST',
          body: { username: `racer${last}x${i}`, password: PASSWORD, link: token },
        }),
      ),
    )
    expect(made.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 7 }, () => 404)])
  })

  test('a number in a path reaches one’s own things alone', async () => {
    const [mine, theirs] = [await newUser(), await newUser()]
    const [me, they] = [apiAs(url(), [mine, PASSWORD]), apiAs(url(), [theirs, PASSWORD])]
    const scopes = [{ pattern: `${theirs}/**`, verbs: ['pull' as const] }]
    const token = await they.call('POST /users/{user}/tokens', {
      path: { user: theirs },
      body: { name: 't', scopes },
    })
    const key = await they.call('POST /users/{user}/keys', { path: { user: theirs }, body: { name: 'k' } })
    await signIn(theirs)
    const [session] = (await they.call('GET /users/{user}/sessions', { path: { user: theirs } })).items
    const robot = await they.call('POST /namespaces/{namespace}/robots', {
      path: { namespace: theirs },
      body: { name: 'ci' },
    })
    await me.call('POST /namespaces/{namespace}/robots', { path: { namespace: mine }, body: { name: 'ci' } })
    const robotPath = { namespace: theirs, robot: 'ci' }
    const secret = await they.call('POST /namespaces/{namespace}/robots/{robot}/secrets', { path: robotPath })
    const robotKey = await they.call('POST /namespaces/{namespace}/robots/{robot}/keys', {
      path: robotPath,
      body: { name: 'k' },
    })
    const grant = await they.call('POST /namespaces/{namespace}/grants', {
      path: { namespace: theirs },
      body: { subject: 'user:rita', pattern: `${theirs}/**`, verbs: ['pull'] },
    })
    await me.call('POST /repositories', { body: { name: `${mine}/app` } })
    const organisation = `ours${last}`
    await me.call('POST /organisations', { body: { name: organisation } })
    const invitation = await api.call('POST /organisations/{organisation}/invitations', {
      path: { organisation: 'acme' },
    })
    const site = await api.call('POST /invitations')

    const remove = async (path: string, headers: Record<string, string>) =>
      (await ask(`/api/v1${path}`, { method: 'DELETE', headers })).status
    const headers = basic([mine, PASSWORD])
    for (const path of [
      `/users/${mine}/tokens/${token.id}`,
      `/users/${mine}/sessions/${session?.id}`,
      `/users/${mine}/keys/${key.id}`,
      `/namespaces/${mine}/grants/${grant.id}`,
      `/repositories/${mine}/app/-/grants/${grant.id}`,
      `/namespaces/${mine}/robots/ci/secrets/${secret.id}`,
      `/namespaces/${mine}/robots/ci/keys/${robotKey.id}`,
      `/organisations/${organisation}/invitations/${invitation.id}`,
      `/organisations/${organisation}/invitations/${site.id}`,
      // Of another kind, or another door.
      `/users/${mine}/tokens/${key.id}`,
      `/users/${mine}/keys/${token.id}`,
      `/users/${mine}/sessions/${token.id}`,
    ]) {
      const absent = path.replace(/\d+$/, '999999')
      expect([path, await remove(path, headers)]).toEqual([path, 404])
      expect([absent, await remove(absent, headers)]).toEqual([absent, 404])
    }
    // By the other's own path it is forbidden, be there such a thing or not.
    for (const path of [
      `/users/${theirs}/tokens/${token.id}`,
      `/users/${theirs}/tokens/999999`,
      `/users/${theirs}/keys/${key.id}`,
      `/namespaces/${theirs}/grants/${grant.id}`,
      `/namespaces/${theirs}/robots/ci/secrets/${secret.id}`,
      `/organisations/acme/invitations/${invitation.id}`,
      `/invitations/${site.id}`,
      `/users/nobody-at-all/tokens/1`,
    ])
      expect([path, await remove(path, headers)]).toEqual([path, 403])
    // An administrator, too, finds things only where they are.
    const admin = world().basic('site administrator')
    for (const path of [
      `/users/${mine}/tokens/${token.id}`,
      `/users/${theirs}/tokens/${session?.id}`,
      `/users/${theirs}/tokens/${secret.id}`,
      `/invitations/${invitation.id}`,
    ])
      expect([path, await remove(path, admin)]).toEqual([path, 404])
    // Everything is there yet.
    const count = async (endpoint: string) =>
      (await ask(`/api/v1${endpoint}`, { headers: basic([theirs, PASSWORD]) })).json().items.length
    expect(await count(`/users/${theirs}/tokens`)).toBe(1)
    expect(await count(`/users/${theirs}/keys`)).toBe(1)
    expect(await count(`/users/${theirs}/sessions`)).toBe(1)
    expect(await count(`/namespaces/${theirs}/grants`)).toBe(1)
    expect(await count(`/namespaces/${theirs}/robots/ci/secrets`)).toBe(2)
    expect(await count(`/namespaces/${theirs}/robots/ci/keys`)).toBe(1)
    expect(robot.name).toBe(`${theirs}+ci`)
  })
})
