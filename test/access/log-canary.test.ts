import { expect, test } from 'bun:test'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signAssertion } from '../../src/auth/assertion.ts'
import { readKeyFile } from '../../src/auth/key-file.ts'
import { basic } from './world.ts'
import { onWorlds } from './worlds.ts'

/*
 * One run over every way to prove who one is, right and wrong, with secrets that are looked for afterwards (SE-13): in the log at its most
 * talkative, the audit, the metrics, the texts of refusals, every file of the data directory and every row of the database.
 */

const REPO = 'acme/private'
/** What a secret is looked for by: a part of it is one too many. */
const PIECE = 24

onWorlds(
  'canaries',
  (world, sql) => {
    const url = () => world().server.url
    const canaries = new Map<string, string>()
    const told: string[] = []
    const counts: Record<string, number> = {}

    /** Remembers a secret, and how it looks within a Basic login. */
    function secret(what: string, text: string): string {
      canaries.set(text.slice(-PIECE), what)
      return text
    }
    const password = (what: string) => secret(`password: ${what}`, `canary-${crypto.randomUUID()}-${what}`)
    const login = (name: string, text: string) => {
      const headers = basic([name, text])
      secret(`a login of ${name}`, headers.Authorization ?? '')
      return headers
    }

    /** Asks, and keeps what a refusal says. */
    async function ask(path: string, init: RequestInit = {}) {
      const response = await fetch(`${url()}${path}`, { redirect: 'manual', ...init })
      const text = await response.text()
      const door = `${init.method ?? 'GET'} ${path.split('?')[0]}`
      counts[`${response.ok}`] = (counts[`${response.ok}`] ?? 0) + 1
      const headers = [...response.headers].filter(([name]) => name !== 'set-cookie')
      if (!response.ok) told.push(`${door} ${response.status} ${JSON.stringify(headers)} ${text}`)
      const cookie = (response.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
      return { status: response.status, text, json: () => JSON.parse(text), cookie }
    }
    const post = (path: string, body: unknown, headers: Record<string, string> = {}, method = 'POST') =>
      ask(path, {
        method,
        headers: { 'Content-Type': 'application/json', Origin: url(), ...headers },
        body: JSON.stringify(body),
      })
    const form = (fields: Record<string, string>, path = '/token') =>
      ask(path, { method: 'POST', body: new URLSearchParams(fields) })

    /** Every door, by a name and a secret. */
    async function everyDoor(name: string, text: string, expected: 'in' | 'out') {
      const headers = login(name, text)
      const bearer = { Authorization: `Bearer ${text}` }
      const scope = `scope=repository:${REPO}:pull`
      const tokens = await Promise.all([
        ask(`/token?service=berth&account=${encodeURIComponent(name)}&${scope}`, { headers }),
        ask('/token', { headers }),
        form({
          grant_type: 'password',
          username: name,
          password: text,
          client_id: 'canary',
          access_type: 'offline',
        }),
      ])
      for (const token of tokens) {
        expect([name, token.status]).toEqual([name, expected === 'in' ? 200 : 401])
        if (token.status !== 200) continue
        const { token: made, refresh_token: refresh } = token.json()
        const of = { Authorization: `Bearer ${secret(`registry token of ${name}`, made)}` }
        await ask(`/v2/${REPO}/manifests/latest`, { headers: of })
        await ask(`/v2/${REPO}/manifests/absent`, { headers: of })
        await ask('/api/v1/audit', { headers: of })
        await ask('/token', { headers: login('oauth2accesstoken', made) })
        if (refresh === undefined) continue
        secret(`refresh token of ${name}`, refresh)
        await form({ grant_type: 'refresh_token', refresh_token: refresh, service: 'berth' })
        await form({ grant_type: 'refresh_token', refresh_token: spoiled(refresh), service: 'berth' })
        await ask('/v2/', { headers: { Authorization: `Bearer ${refresh}` } })
      }
      await ask('/v2/', { headers })
      await ask(`/v2/${REPO}/manifests/latest`, { headers })
      await ask(`/v2/repositories/${REPO}/`, { headers })
      await ask('/api/v1/users', { headers })
      await ask('/v2/', { headers: bearer })
      await ask('/api/v1/users', { headers: bearer })
      const session = await post('/api/v1/session', { username: name, password: text })
      if (session.status === 200) {
        secret(`session of ${name}`, session.cookie)
        await ask('/api/v1/users', { headers: { Cookie: session.cookie } })
        await ask('/api/v1/users', { headers: { Cookie: spoiled(session.cookie) } })
        await post(
          '/api/v1/organisations',
          { name: 'x' },
          { Cookie: session.cookie, Origin: 'https://evil.test' },
        )
        await ask('/api/v1/session', { method: 'DELETE', headers: { Cookie: session.cookie, Origin: url() } })
        await ask('/api/v1/users', { headers: { Cookie: session.cookie } })
      }
      const hub = await post('/v2/users/login', { username: name, password: text })
      if (hub.status === 200) {
        const { token } = hub.json()
        secret(`login token of ${name}`, token)
        await ask('/api/v1/users', { headers: { Authorization: `Bearer ${token}` } })
        await ask('/token', { headers: login('oauth2accesstoken', token) })
        await ask('/token', { headers: login('oauth2accesstoken', spoiled(token)) })
      }
      await post('/v2/auth/token', { identifier: name, secret: text })
      // Where it does not belong.
      await ask(`/token?password=${encodeURIComponent(text)}&client_secret=${encodeURIComponent(text)}`)
      await ask(`/api/v1/session?password=${encodeURIComponent(text)}`)
      await post('/api/v1/session', { username: name, password: [text] })
      await post('/api/v1/session', { username: name, password: text, otp: text })
      await ask('/api/v1/session', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: `{"username":"${name}","password":"${text}`,
      })
      await form({ grant_type: 'password', username: text, password: name })
      await ask('/token', { headers: login(text, text) })
    }

    /** With its last characters changed: a secret still, for whoever reads it. */
    function spoiled(text: string): string {
      const other = text.slice(0, -2) + (text.endsWith('aa') ? 'bb' : 'aa')
      return secret('a spoiled secret', other)
    }

    test('secrets of every kind go everywhere they are sent to', async () => {
      const admin = login('admin', world().logins['site administrator']?.[1] ?? '')
      const name = 'canary'
      const first = password('the first one')
      expect((await post('/api/v1/users', { name, password: first }, admin)).status).toBe(201)
      await post(
        '/api/v1/namespaces/acme/grants',
        { subject: `user:${name}`, pattern: 'acme/**', verbs: ['read'] },
        admin,
      )
      await everyDoor(name, first, 'in')
      await everyDoor(name, password('a wrong one'), 'out')
      await everyDoor('nobody-here', password('of nobody'), 'out')
      await everyDoor('acme+ci', password('of a robot, which has none'), 'out')

      // Changed by oneself, by an administrator, by a link; refused for being bad.
      const second = password('the second one')
      const own = login(name, first)
      const path = `/api/v1/users/${name}/password`
      await post(path, { password: second, current: password('not the present one') }, own, 'PUT')
      await post(path, { password: second.slice(0, 4), current: first }, own, 'PUT')
      expect((await post(path, { password: second, current: first }, own, 'PUT')).status).toBe(204)
      await everyDoor(name, first, 'out')
      const third = password('the third one')
      expect((await post(path, { password: third }, admin, 'PUT')).status).toBe(204)

      const linkIn = (answer: { json(): { url: string } }) => {
        const link = new URL(answer.json().url)
        secret('a link', link.searchParams.get('token') ?? '')
        return { page: link.pathname + link.search, token: link.searchParams.get('token') ?? '' }
      }
      const reset = linkIn(await post(`/api/v1/users/${name}/password-reset`, {}, admin))
      await ask(reset.page)
      await post('/api/v1/links/inspect', { link: reset.token })
      await post('/api/v1/links/inspect', { link: spoiled(reset.token) })
      await post('/api/v1/signup', { username: 'wrongly', password: third, link: reset.token })
      const fourth = password('the fourth one')
      await form({ token: reset.token, password: fourth, repeated: third }, '/reset')
      const done = await form({ token: reset.token, password: fourth, repeated: fourth }, '/reset')
      expect(done.status).toBe(200)
      await ask(reset.page)
      await form({ token: reset.token, password: fourth, repeated: fourth }, '/reset')
      const invitation = linkIn(await post('/api/v1/invitations', {}, admin))
      const fifth = password('of who was invited')
      await ask(invitation.page)
      await post('/api/v1/signup', { username: 'admin', password: fifth, link: invitation.token })
      await post('/api/v1/signup', { username: fifth, password: fifth, link: invitation.token })
      expect(
        (await post('/api/v1/signup', { username: 'invited', password: fifth, link: invitation.token }))
          .status,
      ).toBe(201)
      const unused = linkIn(await post('/api/v1/organisations/acme/invitations', {}, admin))
      await ask(unused.page, { method: 'POST' })

      const mine = login(name, fourth)
      const token = await post(
        `/api/v1/users/${name}/tokens`,
        { name: 'pat', scopes: [{ pattern: '**', verbs: ['read'] }] },
        mine,
      )
      const pat = secret('a personal access token', token.json().secret)
      for (const alias of [name, '$oauthtoken', 'AWS', 'oauth2accesstoken']) await everyDoor(alias, pat, 'in')
      await everyDoor('rita', pat, 'out')
      await everyDoor(name, spoiled(pat), 'out')
      await ask(`/api/v1/users/${name}/tokens/${token.json().id}`, { method: 'DELETE', headers: mine })
      await everyDoor(name, pat, 'out')

      const robot = secret('a robot’s secret', world().logins.robot?.[1] ?? '')
      await everyDoor('acme+ci', robot, 'in')
      await everyDoor('robot$acme+ci', robot, 'in')
      const rotated = await post('/api/v1/namespaces/acme/robots/ci/secrets', {}, admin)
      await everyDoor('acme+ci', secret('a robot’s next secret', rotated.json().secret), 'in')

      const made = await post(`/api/v1/users/${name}/keys`, { name: 'key' }, mine)
      const text: string = made.json().file
      const file = readKeyFile(text)
      if (file === undefined) throw new Error('no key file')
      const pem = file.private_key.split('\n')[1] ?? ''
      secret('a private key', pem)
      const line = JSON.stringify(file)
      await everyDoor('_json_key', line, 'in')
      await everyDoor('_json_key_base64', Buffer.from(line).toString('base64'), 'in')
      await everyDoor('_json_key', line.replace(pem, spoiled(pem)), 'out')
      await post(`/api/v1/users/${name}/keys`, { name: 'mistaken', publicKey: file.private_key }, mine)
      const jwt = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
      const assertion = await signAssertion(file, { audience: `${url()}/token`, now: Date.now() })
      secret('an assertion', assertion)
      const exchanged = await form({ grant_type: jwt, assertion })
      expect(exchanged.status).toBe(200)
      secret('a login token', exchanged.json().token)
      await form({ grant_type: jwt, assertion })
      await form({ grant_type: jwt, assertion: spoiled(assertion) })
      const elsewhere = await signAssertion(file, { audience: 'https://evil.test', now: Date.now() })
      await form({ grant_type: jwt, assertion: secret('an assertion for elsewhere', elsewhere) })
      expect(counts.true).toBeGreaterThan(50)
      expect(counts.false).toBeGreaterThan(100)
      expect(told.filter((text) => / 5\d\d /.test(text.slice(0, 120)))).toEqual([])
    }, 60_000)

    /** Which secrets stand in a text. */
    function found(where: string, text: string): string[] {
      return [...canaries].filter(([piece]) => text.includes(piece)).map(([, what]) => `${where}: ${what}`)
    }

    test('what is looked for would be found', () => {
      expect(canaries.size).toBeGreaterThan(100)
      const [[piece = '', what = ''] = []] = [...canaries]
      expect(found('here', `before ${piece} after`)).toContain(`here: ${what}`)
    })

    test('no refusal repeats one, but for a form that needs its link again, and what was said to be a name', () => {
      const repeated = told.flatMap((text) => found(text.split(' ', 3).join(' '), text))
      expect(repeated).toEqual([
        'POST /reset 400: a link',
        'POST /api/v1/signup 400: password: of who was invited',
      ])
    })

    test('the log has none', async () => {
      await world().server.requests()
      const { lines } = world().server.daemon
      expect(lines.length).toBeGreaterThan(300)
      expect(lines.flatMap((line) => found(line.slice(0, 300), line))).toEqual([])
    })

    test('the audit has none, and the metrics neither', async () => {
      const rows: unknown[] = []
      for (let after: string | undefined; ; ) {
        const page = await world().api.call('GET /audit', { query: { limit: 1000, ...(after && { after }) } })
        rows.push(...page.items)
        after = page.next
        if (after === undefined) break
      }
      const text = JSON.stringify(rows)
      for (const action of ['login', 'password.set', 'token.create', 'key.create'])
        expect(text).toContain(action)
      expect(found('audit', text)).toEqual([])
      const metrics = await (await fetch(`${url()}/metrics`)).text()
      expect(metrics.length).toBeGreaterThan(1000)
      expect(found('metrics', metrics)).toEqual([])
    })

    test('no row of the database has one', async () => {
      const tables = await sql(
        (await isPostgres())
          ? "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
          : "SELECT name FROM sqlite_schema WHERE type = 'table'",
      )
      const names = tables.map(({ name }) => String(name))
      expect(names).toContain('credential')
      for (const name of names) {
        const rows = await sql(`SELECT * FROM ${name}`)
        // Bytes as the characters they would be read as.
        const text = rows
          .flatMap((row) => Object.values(row))
          .map((value) =>
            value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value),
          )
          .join('\n')
        expect(found(name, text)).toEqual([])
      }
    })

    const isPostgres = () =>
      sql('SELECT version()').then(
        () => true,
        () => false,
      )

    test('no file of the data directory has one', async () => {
      const { data } = world().server
      const files = (await readdir(data, { recursive: true, withFileTypes: true })).filter((file) =>
        file.isFile(),
      )
      expect(files.length).toBeGreaterThan(0)
      for (const { parentPath, name } of files) {
        const content = await readFile(join(parentPath, name))
        expect(found(name, content.toString('latin1'))).toEqual([])
      }
    })
  },
  {
    env: {
      BERTH_LOG_LEVEL: 'debug',
      BERTH_REFRESH_TOKENS: 'true',
      BERTH_SIGN_UP: 'invite',
      // Wrong logins are what this is about, and all of them come from one address.
      BERTH_LOGIN_FAILURES: '100000',
      BERTH_ADDRESS_FAILURES: '100000',
      BERTH_LAST_USED_SECONDS: '1',
    },
  },
)
