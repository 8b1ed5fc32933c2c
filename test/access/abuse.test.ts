import { expect, test } from 'bun:test'
import { RawConnection } from '../http/raw.ts'
import { onWorlds } from './worlds.ts'

/*
 * Requests that no client sends: hosts, methods, paths, headers and bodies as somebody writes them who looks for what breaks. Nothing may be
 * answered with 5xx, nothing that is not a path of the API may act as one, and no error may stand in the log (the world looks at that).
 */

const JSON_TYPE = 'Content-Type: application/json'
const FORM_TYPE = 'Content-Type: application/x-www-form-urlencoded'

/** Whoever does not go on with a body is given up soon. */
const OPTIONS = { env: { BERTH_BODY_IDLE_SECONDS: '1', BERTH_BODY_GRACE_SECONDS: '1' } }

onWorlds(
  'abuse',
  (world) => {
    /** The status of a request, byte by byte as written; 0 where the connection was closed without an answer. */
    async function ask(request: string, headers: readonly string[] = [], body: string | Buffer = '') {
      await using connection = await RawConnection.connect(world().server.host)
      const bytes = Buffer.from(body)
      const hasHost = headers.some((header) => header.startsWith('Host:'))
      const lines = [
        `${request} HTTP/1.1`,
        ...(hasHost ? [] : ['Host: registry.test']),
        'Connection: close',
        ...(bytes.length > 0 ? [`Content-Length: ${bytes.length}`] : []),
        ...headers,
      ]
      await connection.send(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]))
      const answer = await connection.answer()
      return { status: answer?.status ?? 0, body: answer?.body.toString() ?? '' }
    }
    const admin = () => `Authorization: ${world().basic('site administrator').Authorization}`
    const reader = () => `Authorization: ${world().basic('reader').Authorization}`

    test.each([
      '1.2.3.4.5',
      '999.999.999.999',
      'h:99999',
      'xn--',
      '[::::]',
      '1.2.3.0x100',
      'xn--a',
      'h:65536',
    ])('a Host that no URL has: %s', async (host) => {
      for (const path of ['/v2/', '/token', '/api/v1/session', '/join?token=x', '/v2/users/login']) {
        expect([path, (await ask(`GET ${path}`, [`Host: ${host}`])).status]).toEqual([path, 400])
      }
      const { status } = await ask('POST /api/v1/session', [`Host: ${host}`, JSON_TYPE], '{}')
      expect(status).toBe(400)
    })

    test.each(['TRACE', 'CONNECT', 'TRACK', 'FOO', 'PURGE', 'OPTIONS', 'PROPFIND', 'get'])(
      '%s is done nowhere, with a body or without',
      async (method) => {
        for (const path of ['/api/v1/users', '/v2/', '/token', '/v2/repositories/acme/private/', '/join']) {
          for (const body of ['', '{}']) {
            const { status } = await ask(`${method} ${path}`, [admin(), JSON_TYPE], body)
            // The runtime hangs up on what is no method at all.
            expect([path, [0, 400, 405].includes(status)]).toEqual([path, true])
          }
        }
      },
    )

    test.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])(
      '%s overrides nothing',
      async (header) => {
        const { status } = await ask('GET /api/v1/users/rita', [admin(), `${header}: DELETE`])
        expect(status).toBe(200)
        expect((await ask('GET /api/v1/users/rita?_method=DELETE', [admin()])).status).toBe(400)
        expect((await ask('GET /api/v1/users/rita', [admin()])).status).toBe(200)
      },
    )

    test.each([
      '/API/v1/users',
      '/Api/v1/users',
      '/api/v1//users',
      '//api/v1/users',
      '/api/v1/users//',
      '/api/v1/users;x=1',
      '/api;x/v1/users',
      '/api/v1/%75sers/adam;x=1',
      '/api/v1/users/adam%2ftokens',
      '/api/v1/users/adam%2Ftokens',
      '/api/v1/users/adam%5ctokens',
      '/api/v1/users/adam%252ftokens',
      '/api/v1/users/%00',
      '/api/v1/users/adam%00',
      '/api/v1/users/%ff',
      '/api/v1/users/%',
      '/api/v1/users/ADAM/tokens',
      '/api/v1/users/__proto__/tokens',
      '/api/v1/users/constructor/keys',
      '/api/v1/namespaces/acme/robots/__proto__',
      '/api/v1/repositories//-/tags',
      '/api/v1/repositories/-/tags',
      '/api/v1/repositories/%ff/-/tags',
      '/api/v1/repositories/acme%252Fprivate',
      '/api/v1/repositories/..%2facme/private',
      '/api/v1/repositories/acme/private/-/',
      '/api/v1/repositories/acme/private/-/-/tags',
      '/api/v2/users',
      '/join/x',
      '/v2/repositories/acme/private%00/',
      '/v2/repositories/%2e%2e%2facme/private/',
    ])('%s leads nowhere', async (path) => {
      const { status } = await ask(`GET ${path}`, [admin()])
      expect([400, 404].includes(status) ? 'nowhere' : status).toBe('nowhere')
    })

    test.each([
      '/api/v1/users/%2e%2e/audit',
      '/api/v1/users/../audit',
      '/api/v1/users/rita/../adam/tokens',
      '/api/v1/users/rita/%2e%2e/adam/tokens',
      '/api/v1/users/rita/.%2e/adam/keys',
      '/api/v1/x/../../v1/invitations',
      '/v2/../api/v1/audit',
    ])('%s asks for the right on where it leads', async (path) => {
      expect((await ask(`GET ${path}`, [admin()])).status).toBe(200)
      expect((await ask(`GET ${path}`, [reader()])).status).toBe(403)
      expect((await ask(`GET ${path}`)).status).toBe(401)
    })

    test('queries of all kinds', async () => {
      for (const query of [
        '/api/v1/users?after=%00',
        '/api/v1/users?filter=%00',
        '/api/v1/users?filter=%ED%A0%80',
        '/api/v1/users?filter=%25',
        '/api/v1/users?limit=1e3',
        '/api/v1/users?limit=99999999999999999999',
        '/api/v1/users?limit=1&limit=2',
        '/api/v1/users?__proto__=1',
        '/api/v1/users?constructor=1',
        '/api/v1/search?q=%00',
        '/api/v1/search?q=%ED%A0%80',
        '/api/v1/audit?actor=%00',
        '/api/v1/audit?since=9999-12-31T23:59:59Z',
        '/api/v1/audit?since=0000-01-01T00:00:00Z',
        '/api/v1/audit?after=999999999999999',
        '/api/v1/audit?after=-1',
        '/api/v1/access?verb=pull&repository=a/b&subject=%00',
        '/api/v1/access?verb=pull&repository=a/b&subject=team:x',
        '/api/v1/access?verb=constructor&repository=a/b',
        '/api/v1/organisations/acme/members?after=%00',
        '/api/v1/repositories?after=%00',
        '/api/v1/repositories?namespace=acme%25',
        '/api/v1/repositories/acme/private/-/tags?filter=%00',
        '/api/v1/repositories/acme/private/-/manifests?after=%00',
        '/api/v1/users/adam/tokens/999999999999999',
        '/v1/search?q=%00',
        '/v1/search?q=%ff',
        '/v2/_catalog?last=%00',
        '/v2/acme/private/tags/list?last=%00',
        '/v2/repositories/acme/private/tags/?name=%00',
        '/v2/repositories/acme/private/tags?page=999999999&page_size=100',
        '/v2/repositories/acme/?name=%00&ordering=__proto__',
        '/join?token=%00',
        '/reset?token=%ff',
        '/token?scope=repository:acme/private:pull%00',
        '/token?scope=%00&scope=%00',
        '/token?scope=repository:%00:pull',
        '/token?scope=%ff',
        '/token?offline_token=true&client_id=%00',
        `/token?${'scope=repository:acme/private:pull&'.repeat(400)}`,
      ]) {
        const { status } = await ask(`GET ${query}`, [admin()])
        expect([query.slice(0, 80), status >= 200 && status < 500]).toEqual([query.slice(0, 80), true])
      }
    })

    test.each<[string, () => string[]]>([
      ['two logins', () => [reader(), admin()]],
      ['two logins, the better first', () => [admin(), reader()]],
      ['a bad token and a login', () => ['Authorization: Bearer x', admin()]],
      ['a huge login', () => [`Authorization: Basic ${'A'.repeat(9000)}`]],
      ['a huge token', () => [`Authorization: Bearer ${'A'.repeat(9000)}`]],
      ['no scheme', () => ['Authorization: x']],
      ['a scheme alone', () => ['Authorization: Basic']],
      ['another scheme', () => ['Authorization: Negotiate x']],
      ['no base64', () => ['Authorization: Basic \xff\xff']],
      ['a NUL', () => [`Authorization: Basic ${Buffer.from('a\0b:c').toString('base64')}`]],
      [
        'bytes that are no text',
        () => [`Authorization: Basic ${Buffer.from([0xff, 0x3a, 0xff]).toString('base64')}`],
      ],
      ['no colon', () => [`Authorization: Basic ${Buffer.from('admin').toString('base64')}`]],
    ])('credentials that are none: %s', async (_, headers) => {
      for (const path of [
        '/v2/',
        '/token',
        '/api/v1/session',
        '/v2/repositories/acme/private/',
        '/v2/acme/private/tags/list',
      ]) {
        const { status } = await ask(`GET ${path}`, headers())
        expect([path, status === 400 || status === 401 || status === 431]).toEqual([path, true])
      }
    })

    test('cookies that are none, or far too much of them, are nobody’s', async () => {
      for (const cookie of [
        'a=b; '.repeat(2500),
        'a'.repeat(60_000),
        'berth_session=\xff',
        'berth_session="x"; berth_session=',
        `berth_session=${'A'.repeat(9000)}`,
      ]) {
        const { status, body } = await ask('GET /api/v1/session', [`Cookie: ${cookie}`])
        expect(status === 431 || JSON.parse(body).kind === 'anonymous').toBe(true)
      }
    })

    test('an agent of bytes that are no text is written down all the same', async () => {
      const agent = 'User-Agent: \xff\xfe\x80'
      expect((await ask('GET /token', [reader(), agent])).status).toBe(200)
      const wrong = `Authorization: Basic ${Buffer.from('rita:wrong').toString('base64')}`
      expect((await ask('GET /token', [wrong, agent])).status).toBe(401)
    })

    test('forwarded headers of nobody who is trusted say nothing', async () => {
      const { body } = await ask('GET /api/v1/session', [
        admin(),
        'X-Forwarded-For: 203.0.113.9',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: evil.test',
        'Forwarded: for=203.0.113.9;host=evil.test',
        'X-Real-IP: 203.0.113.9',
      ])
      expect(body).not.toContain('evil.test')
      const { items } = await world().api.call('GET /audit', { query: { limit: 1000 } })
      expect(items.filter(({ address }) => address === '203.0.113.9')).toEqual([])
    })

    const deep = (open: string, close: string, times: number) => open.repeat(times) + close.repeat(times)
    test.each<[string, string | Buffer, readonly string[]]>([
      ['nothing', '', []],
      ['null', 'null', [JSON_TYPE]],
      ['deep lists', deep('[', ']', 200_000), [JSON_TYPE]],
      ['lists without end', '['.repeat(400_000), [JSON_TYPE]],
      ['deep objects', deep('{"name":', '}', 50_000), [JSON_TYPE]],
      [
        'depth within a member',
        `{"name":"deep","email":${'['.repeat(5000)}${']'.repeat(5000)}}`,
        [JSON_TYPE],
      ],
      ['a prototype', '{"name":"proto1","__proto__":{"administrator":true}}', [JSON_TYPE]],
      ['a constructor', '{"name":"proto2","constructor":{"prototype":{"administrator":true}}}', [JSON_TYPE]],
      ['a NUL in a name', '{"name":"nul\\u0000x"}', [JSON_TYPE]],
      ['a NUL in a text', '{"name":"nulx","displayName":"\\u0000"}', [JSON_TYPE]],
      ['a form', 'name=formed', [FORM_TYPE]],
      ['text', '{"name":"plain1"}', ['Content-Type: text/plain']],
      ['no type', '{"name":"plain2"}', []],
      ['two types', '{"name":"plain3"}', [JSON_TYPE, 'Content-Type: text/plain']],
      ['something that only says that it is compressed', '\x1f\x8b', [JSON_TYPE, 'Content-Encoding: gzip']],
      ['too much', 'x'.repeat(2 ** 20 + 1), [JSON_TYPE]],
      ['a password that is too long', `{"name":"long1","password":"${'p'.repeat(2000)}"}`, [JSON_TYPE]],
      ['a list for a text', '{"name":["listed"]}', [JSON_TYPE]],
    ])('a user is not made of %s', async (_, body, headers) => {
      const { status } = await ask('POST /api/v1/users', [admin(), ...headers], body)
      expect([400, 413, 415]).toContain(status)
    })

    test('of a key twice the last counts, for the check and for the deed', async () => {
      const twice = '{"name":"first1","administrator":true,"name":"second1","administrator":false}'
      const { status, body } = await ask('POST /api/v1/users', [admin(), JSON_TYPE], twice)
      expect(status).toBe(201)
      expect(JSON.parse(body)).toMatchObject({ name: 'second1', administrator: false })
      expect((await ask('GET /api/v1/users/first1', [admin()])).status).toBe(404)
    })

    test('texts that are no Unicode are kept as what stands for them, in either database', async () => {
      const halves = '{"name":"halves","displayName":"a\\ud800b"}'
      const { status, body } = await ask('POST /api/v1/users', [admin(), JSON_TYPE], halves)
      expect(status).toBeOneOf([201, 400])
      if (status === 201) {
        const { body: again } = await ask('GET /api/v1/users/halves', [admin()])
        expect(JSON.parse(again).displayName.replaceAll('\ud800', '\ufffd')).toBe('a\ufffdb')
      } else expect(body).toContain('displayName')
      const bytes = Buffer.concat([
        Buffer.from('{"name":"bytes","displayName":"'),
        Buffer.from([0xff, 0x22, 0x7d]),
      ])
      expect((await ask('POST /api/v1/users', [admin(), JSON_TYPE], bytes)).status).toBeOneOf([201, 400])
    })

    test.each<[string, string, string]>([
      [
        'POST',
        '/api/v1/namespaces/acme/grants',
        '{"subject":"user:\\u0000","pattern":"acme/**","verbs":["pull"]}',
      ],
      [
        'POST',
        '/api/v1/namespaces/acme/grants',
        '{"subject":"user:__proto__","pattern":"acme/**","verbs":["pull"]}',
      ],
      [
        'POST',
        '/api/v1/namespaces/acme/grants',
        '{"subject":"team:acme/devs/x","pattern":"acme/**","verbs":["pull"]}',
      ],
      ['POST', '/api/v1/namespaces/acme/grants', '{"subject":"anyone","pattern":"**","verbs":["pull"]}'],
      ['POST', '/api/v1/namespaces/acme/grants', '{"subject":"anyone","pattern":"otto/**","verbs":["pull"]}'],
      ['POST', '/api/v1/namespaces/acme/grants', '{"subject":"anyone","pattern":"ac*/**","verbs":["pull"]}'],
      [
        'POST',
        '/api/v1/namespaces/acme/grants',
        '{"subject":"anyone","pattern":"acme","verbs":["__proto__"]}',
      ],
      ['POST', '/api/v1/users/adam/tokens', '{"name":"t","scopes":[{"pattern":"[a","verbs":["pull"]}]}'],
      [
        'POST',
        '/api/v1/users/adam/tokens',
        '{"name":"t","scopes":[{"pattern":"**","verbs":["constructor"]}]}',
      ],
      [
        'POST',
        '/api/v1/users/adam/tokens',
        '{"name":"t","scopes":[{"pattern":"**","verbs":["pull"]}],"networks":["fe80::1%eth0"]}',
      ],
      [
        'POST',
        '/api/v1/users/adam/keys',
        '{"name":"k","publicKey":"-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----"}',
      ],
      ['POST', '/api/v1/repositories', '{"name":"acme/x\\u0000"}'],
      ['POST', '/api/v1/repositories', '{"name":"acme/xx","description":"\\u0000"}'],
      ['PATCH', '/api/v1/repositories/acme/private', '{"readme":"\\u0000"}'],
      ['PATCH', '/v2/repositories/acme/private/', '{"full_description":"\\u0000"}'],
      ['POST', '/v2/repositories/', '{"namespace":"acme","name":"\\u0000"}'],
      ['POST', '/v2/repositories/', '{"namespace":"acme/../otto","name":"x"}'],
      ['POST', '/v2/users/login', '{"username":"adam","password":{"a":1}}'],
      ['POST', '/v2/auth/token', '[]'],
      ['POST', '/api/v1/session', '{"username":"adam","password":["x"]}'],
    ])('%s %s takes no %s', async (method, path, body) => {
      const { status } = await ask(`${method} ${path}`, [admin(), JSON_TYPE], body)
      expect(status).toBeOneOf([400, 404])
    })

    test('logins with NUL or halves of characters are wrong, and no more than that', async () => {
      for (const body of [
        '{"username":"\\u0000","password":"\\u0000"}',
        '{"username":"\\ud800","password":"\\ud800"}',
        '{"username":"adam\\u0000","password":"x"}',
      ]) {
        for (const path of ['/v2/users/login', '/api/v1/session'])
          expect([path, (await ask(`POST ${path}`, [JSON_TYPE], body)).status]).toEqual([
            path,
            body.includes('u0000') ? 400 : 401,
          ])
      }
    })

    const assertion = (header: unknown) =>
      `grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=${Buffer.from(JSON.stringify(header)).toString('base64url')}.e30.AA`
    test.each([
      '',
      '&&&=&=',
      'grant_type=password',
      'grant_type=password&username=a&password=%00',
      'grant_type=password&username=%00&password=%00',
      'grant_type=password&username=%ff&password=x',
      'grant_type=refresh_token&refresh_token=%00',
      `grant_type=refresh_token&refresh_token=${'a'.repeat(5000)}`,
      'grant_type=__proto__',
      assertion({ kid: 'a'.repeat(64) }),
      assertion({ kid: ['a'] }),
      assertion(null),
      'grant_type=password&'.repeat(2000),
      `scope=${'repository:a/b:pull%20'.repeat(2500)}`,
      'x'.repeat(300_000),
      `grant_type=password&username=adam&password=${'z'.repeat(60_000)}`,
    ])('a token is not given for a form of %s', async (form) => {
      for (const path of ['/token', '/v2/token', '/oauth2/token'])
        expect((await ask(`POST ${path}`, [FORM_TYPE], form)).status).toBeOneOf([400, 401, 413])
      expect((await ask('POST /join', [FORM_TYPE], form)).status).toBeOneOf([403, 413])
    })

    test('thousands of scopes make one small token', async () => {
      const scopes = Array.from({ length: 1000 }, (_, i) => `repository:acme/r${i}:pull,push`).join(' ')
      const form = new URLSearchParams([
        ['grant_type', 'password'],
        ['username', 'will'],
        ['password', world().logins.writer?.[1] ?? ''],
        ['scope', scopes],
        ...Array.from({ length: 1000 }, (): [string, string] => ['scope', 'repository:acme/private:pull']),
      ]).toString()
      const small = form.slice(0, 60_000)
      const { status, body } = await ask('POST /token', [FORM_TYPE], small)
      expect(status).toBe(200)
      expect(JSON.parse(body).token.length).toBeLessThan(8 * 1024)
    })

    test('what is put into a page or a header stays text', async () => {
      const { url } = await world().api.call('POST /invitations')
      const form = new URLSearchParams({
        token: new URL(url).searchParams.get('token') ?? '',
        username: '"><script>alert(1)</script>',
        displayName: '"><img src=x onerror=alert(1)>',
        password: 'a password of somebody',
        repeated: 'a password of somebody',
      })
      const { status, body } = await ask('POST /join', [FORM_TYPE], form.toString())
      expect(status).toBe(400)
      expect(body).toContain('&quot;&gt;&lt;img src=x')
      expect(body).not.toMatch(/<script|<img/)
      const evil = '%0d%0aX-Evil:%201'
      for (const request of [
        `GET /v2/acme/private${evil}/manifests/latest`,
        `GET /v2/acme/%22,realm=%22http:evil/manifests/latest`,
        `POST /v2/acme/private/blobs/uploads/?mount=sha256:${'a'.repeat(64)}&from=acme/x${evil}`,
        `GET /token?scope=repository:acme/x${evil}:pull&service=${evil}`,
        `GET /api/v1/users/${evil}`,
        `GET /v2/repositories/acme/?page_size=1&page=1&name=${evil}`,
        `GET /v2/_catalog?n=1&last=${evil}`,
      ]) {
        const headers = request.includes('_catalog') ? [reader()] : []
        const response = await fetch(`${world().server.url}${request.split(' ')[1]}`, {
          method: request.split(' ')[0] ?? '',
          headers: Object.fromEntries(headers.map((header) => header.split(': ') as [string, string])),
        })
        await response.text()
        expect(response.status).toBeLessThan(500)
        expect(response.headers.get('x-evil')).toBeNull()
        expect(response.headers.get('www-authenticate') ?? '').not.toMatch(/evil/i)
      }
    })

    test('a body that does not come on, or does not end, is given up', async () => {
      await Promise.all(
        (
          [
            ['/api/v1/session', JSON_TYPE],
            ['/v2/users/login', JSON_TYPE],
            ['/token', FORM_TYPE],
            ['/join', FORM_TYPE],
          ] as const
        ).map(async ([path, type]) => {
          const head = `POST ${path} HTTP/1.1\r\nHost: registry.test\r\n${type}\r\n`
          await using slow = await RawConnection.connect(world().server.host)
          await slow.send(`${head}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`)
          expect([path, (await slow.answer())?.status]).toEqual([path, 408])
          await using announced = await RawConnection.connect(world().server.host)
          await announced.send(`${head}Content-Length: 99999999999\r\n\r\n`)
          expect([path, (await announced.answer())?.status]).toEqual([path, 413])
        }),
      )
    })
  },
  OPTIONS,
)
