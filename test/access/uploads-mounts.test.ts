import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { INDEX_HEADERS, sha256 } from './content.ts'
import { registryToken } from './world.ts'
import { onWorlds } from './worlds.ts'

/*
 * What somebody can do with an upload that is not theirs (SE-1), and with a digest that they know and may not read (SE-2): the same as with one
 * that is not there. Answers are compared as a whole.
 */

const OCTETS = { 'Content-Type': 'application/octet-stream' }
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'

onWorlds('others’ content', (world) => {
  const url = () => world().server.url
  type Login = readonly [string, string] | undefined

  async function bearer(login: Login, ...scopes: string[]): Promise<Record<string, string>> {
    return { Authorization: `Bearer ${await registryToken(url(), login, scopes.join(' '))}` }
  }
  const login = (name: string): Login => [name, world().logins.reader?.[1] ?? '']
  const write = (repo: string) => `repository:${repo}:pull,push`

  /** An answer but for what differs anyway. */
  async function told(response: Response, ...own: string[]) {
    const plain = (text: string) => own.reduce((left, name, i) => left.replaceAll(name, `<${i}>`), text)
    const skipped = ['date', 'x-request-id', 'content-length', 'docker-upload-uuid', 'location']
    const headers = [...response.headers].filter(([name]) => !skipped.includes(name)).sort()
    return {
      status: response.status,
      headers: headers.map(([name, value]) => `${name}: ${plain(value)}`),
      body: plain(await response.text()),
    }
  }

  const anyId = () => crypto.randomUUID()
  const OPERATIONS = [
    ['GET', '', undefined],
    ['HEAD', '', undefined],
    ['PATCH', '', 'evil'],
    ['PATCH in place', '', 'evil'],
    ['PUT', `?digest=${sha256(Buffer.from('evil'))}`, 'evil'],
    ['PUT nothing', `?digest=${sha256(Buffer.from('good'))}`, undefined],
    ['DELETE', '', undefined],
  ] as const

  test('an upload is its owner’s, in its repository, and nowhere else there (SE-1)', async () => {
    const owner = await bearer(
      login('will'),
      write('acme/private'),
      write('acme/other'),
      write('acme/public'),
    )
    const opened = await fetch(`${url()}/v2/acme/private/blobs/uploads/`, { method: 'POST', headers: owner })
    expect(opened.status).toBe(202)
    const id = opened.headers.get('docker-upload-uuid') ?? ''
    const own = `${url()}/v2/acme/private/blobs/uploads/${id}`
    const good = await fetch(own, { method: 'PATCH', headers: { ...owner, ...OCTETS }, body: 'good' })
    expect(good.status).toBe(202)

    const attackers: [string, Record<string, string>, string][] = [
      // Whoever may push there themselves is still somebody else.
      ['an admin of the repository', await bearer(login('adam'), write('acme/private')), 'acme/private'],
      ['the owner of the organisation', await bearer(login('olga'), write('acme/private')), 'acme/private'],
      [
        'the site administrator',
        await bearer(world().logins['site administrator'], write('acme/private')),
        'acme/private',
      ],
      ['a robot', await bearer(world().logins.robot, write('acme/private')), 'acme/private'],
      ['its owner, elsewhere', owner, 'acme/other'],
      ['its owner, in what is public', owner, 'acme/public'],
      ['a stranger, at home', await bearer(login('otto'), write('otto/mine')), 'otto/mine'],
      ['a stranger', await bearer(login('otto'), write('acme/private')), 'acme/private'],
      ['a reader', await bearer(login('rita'), write('acme/private')), 'acme/private'],
      ['nobody, with a token', await bearer(undefined, write('acme/private')), 'acme/private'],
      ['nobody', {}, 'acme/private'],
      ['nobody, in what is public', {}, 'acme/public'],
    ]
    for (const [who, headers, repo] of attackers) {
      for (const [what, query, body] of OPERATIONS) {
        const ask = async (upload: string) => {
          const response = await fetch(`${url()}/v2/${repo}/blobs/uploads/${upload}${query}`, {
            method: what.split(' ')[0] ?? '',
            headers: {
              ...headers,
              ...(body && OCTETS),
              ...(what.includes('place') && { 'Content-Range': '4-7' }),
            },
            ...(body && { body }),
          })
          return told(response, upload)
        }
        const stolen = await ask(id)
        expect([who, what, stolen]).toEqual([who, what, await ask(anyId())])
        expect([who, what, [401, 403, 404].includes(stolen.status)]).toEqual([who, what, true])
      }
    }
    // Nothing of it all arrived, and the owner goes on.
    const state = await fetch(own, { headers: owner })
    expect([state.status, state.headers.get('range')]).toEqual([204, '0-3'])
    const closed = await fetch(`${own}?digest=${sha256(Buffer.from('good'))}`, {
      method: 'PUT',
      headers: owner,
    })
    expect(closed.status).toBe(201)
  })

  async function secret(repo: string) {
    const bytes = randomBytes(200)
    const headers = await bearer(world().logins['site administrator'], write(repo))
    const pushed = await fetch(`${url()}/v2/${repo}/blobs/uploads/?digest=${sha256(bytes)}`, {
      method: 'POST',
      headers,
      body: bytes,
    })
    expect(pushed.status).toBe(201)
    return { bytes, digest: sha256(bytes) }
  }
  const unknown = () => sha256(randomBytes(32))

  test('a digest that one may not read is a digest that is not there (SE-2)', async () => {
    const { bytes, digest } = await secret('acme/private')
    const scopes = [write('otto/mine'), 'repository:acme/private:pull', 'repository:acme/public:pull']
    for (const [who, headers] of [
      ['a registry token', await bearer(login('otto'), ...scopes)],
      [
        'a password',
        { Authorization: `Basic ${Buffer.from(login('otto')?.join(':') ?? '').toString('base64')}` },
      ],
    ] as const) {
      const home = `${url()}/v2/otto/mine`
      const head = async (of: string) =>
        told(await fetch(`${home}/blobs/${of}`, { method: 'HEAD', headers }), of)
      const nothing = await head(unknown())
      expect([who, nothing.status, await head(digest)]).toEqual([who, 404, nothing])

      for (const from of [
        '',
        '&from=acme/private',
        '&from=acme%2Fprivate',
        '&from=acme/public',
        '&from=acme/guessed',
        '&from=nowhere/guessed',
        '&from=otto/mine',
        '&from=otto/absent',
        '&from=../acme/private',
        '&from=acme/private&from=acme/public',
      ]) {
        const mount = async (of: string) => {
          const response = await fetch(`${home}/blobs/uploads/?mount=${of}${from}`, {
            method: 'POST',
            headers,
          })
          const location = response.headers.get('location') ?? ''
          if (response.status === 202) {
            await fetch(new URL(location, url()), { method: 'DELETE', headers })
          }
          return told(response, of)
        }
        const guessed = await mount(digest)
        expect([who, from, guessed.status]).toEqual([who, from, 202])
        expect([who, from, guessed]).toEqual([who, from, await mount(unknown())])
        expect([who, from, await head(digest)]).toEqual([who, from, nothing])
      }

      // A manifest that refers to it, and one about it.
      const referring = (of: string) => ({
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: of, size: bytes.length },
        layers: [],
      })
      const index = (of: string) => ({
        schemaVersion: 2,
        mediaType: INDEX_HEADERS['Content-Type'],
        manifests: [{ mediaType: MANIFEST_TYPE, digest: of, size: bytes.length }],
      })
      for (const [type, write] of [
        [MANIFEST_TYPE, referring],
        [INDEX_HEADERS['Content-Type'], index],
      ] as const) {
        const push = async (of: string) =>
          told(
            await fetch(`${home}/manifests/guess`, {
              method: 'PUT',
              headers: { ...headers, 'Content-Type': type },
              body: JSON.stringify(write(of)),
            }),
            of,
            sha256(Buffer.from(JSON.stringify(write(of)))),
          )
        const guessed = await push(digest)
        expect([who, type, guessed]).toEqual([who, type, await push(unknown())])
        if (type === MANIFEST_TYPE) expect(guessed.status).toBe(400)
      }
      expect(await head(digest)).toEqual(nothing)

      // Other bytes under its name are refused as under any other.
      const lie = async (of: string) =>
        told(
          await fetch(`${home}/blobs/uploads/?digest=${of}`, {
            method: 'POST',
            headers,
            body: 'not those bytes',
          }),
          of,
        )
      const lied = await lie(digest)
      expect([lied.status, lied]).toEqual([400, await lie(unknown())])
      expect(await head(digest)).toEqual(nothing)
    }
    // And where it lies: absent and forbidden are one.
    const headers = await bearer(
      login('otto'),
      'repository:acme/private:pull',
      'repository:acme/guessed:pull',
    )
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      const there = await fetch(`${url()}/v2/acme/private/blobs/${digest}`, { method, headers })
      const absent = await fetch(`${url()}/v2/acme/guessed/blobs/${digest}`, { method, headers })
      expect(await told(there, 'acme/private')).toEqual(await told(absent, 'acme/guessed'))
    }
  })

  test('a digest that one may read is mounted: from where it is, or from wherever that is', async () => {
    for (const from of ['&from=acme/private', '']) {
      const { digest } = await secret('acme/private')
      const headers = await bearer(login('rita'), write('rita/mine'), 'repository:acme/private:pull')
      const mounted = await fetch(`${url()}/v2/rita/mine/blobs/uploads/?mount=${digest}${from}`, {
        method: 'POST',
        headers,
      })
      expect([from, mounted.status]).toEqual([from, 201])
      const head = await fetch(`${url()}/v2/rita/mine/blobs/${digest}`, { method: 'HEAD', headers })
      expect(head.status).toBe(200)
    }
    // By a token that is not for the source it is not, whatever its bearer may.
    const { digest } = await secret('acme/private')
    const narrow = await bearer(login('rita'), write('rita/mine'))
    for (const from of ['&from=acme/private', '']) {
      const path = `/v2/rita/mine/blobs/uploads/?mount=${digest}${from}`
      expect((await fetch(`${url()}${path}`, { method: 'POST', headers: narrow })).status).toBe(202)
    }
    // Nor by an access token that is limited to somewhere else.
    const scoped = await world().api.call('POST /users/{user}/tokens', {
      path: { user: 'rita' },
      body: { name: crypto.randomUUID(), scopes: [{ pattern: 'rita/**', verbs: ['write'] }] },
    })
    const limited = await bearer(['rita', scoped.secret], write('rita/mine'), 'repository:acme/private:pull')
    for (const from of ['&from=acme/private', '']) {
      const path = `/v2/rita/mine/blobs/uploads/?mount=${digest}${from}`
      expect((await fetch(`${url()}${path}`, { method: 'POST', headers: limited })).status).toBe(202)
    }
  })

  test('bytes that others have must be sent by whoever pushes them', async () => {
    const { bytes, digest } = await secret('acme/private')
    const headers = await bearer(login('otto'), write('otto/mine'))
    const opened = await fetch(`${url()}/v2/otto/mine/blobs/uploads/`, { method: 'POST', headers })
    const location = new URL(opened.headers.get('location') ?? '', url())
    location.searchParams.set('digest', digest)
    const empty = await fetch(location, { method: 'PUT', headers })
    expect(empty.status).toBe(400)
    const path = `/v2/otto/mine/blobs/uploads/?digest=${digest}`
    const whole = await fetch(`${url()}${path}`, { method: 'POST', headers, body: bytes })
    expect(whole.status).toBe(201)
    expect((await fetch(`${url()}/v2/otto/mine/blobs/${digest}`, { headers })).status).toBe(200)
  })
})
