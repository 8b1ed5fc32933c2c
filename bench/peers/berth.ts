import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { apiClient } from '../../src/api/client.ts'
import { freePort } from '../../test/testbed/port.ts'
import { IMAGE, PRIVATE_IMAGE, seedImage } from '../rows/fixture.ts'
import { wireSeeder } from '../seed/wire.ts'
import type { Peer, PeerKind } from './peer.ts'
import { type ServerProcess, startServerProcess } from './process.ts'

const PROGRAM = resolve(import.meta.dirname, '../../bin/berth')
const DAY = 86_400

async function serve(
  store: string,
  auth: 'accounts' | 'none',
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  await mkdir(store, { recursive: true })
  const port = await freePort()
  return startServerProcess({
    argv: [PROGRAM, 'serve', '--auth', auth, '--listen', `127.0.0.1:${port}`, '--data', join(store, 'data')],
    env: { BERTH_LOG_FORMAT: 'json', ...env },
    folder: store,
    port,
    readyPath: '/readyz',
  })
}

/** Berth as it is deployed: access log, metrics and durable commits on, SQLite and the file store. Anyone may do anything. */
export const berth: PeerKind = {
  name: 'berth',
  title: 'Berth',
  async start(store) {
    const process = await serve(store, 'none')
    return { ...process, name: 'berth', store, seeder: wireSeeder(process.address) }
  },
}

const ADMIN = { username: 'admin', password: 'the password of a benchmark' }
const READER = { name: 'reader', password: 'another password of a benchmark' }

/** The same with accounts: an image anyone may pull, and one that its reader may by a grant. */
export const berthAccounts: PeerKind = {
  name: 'berth-accounts',
  title: 'Berth, accounts',
  async start(store) {
    {
      await using open = await serve(store, 'none')
      const peer: Peer = { ...open, name: 'berth', store, seeder: wireSeeder(open.address) }
      for (const repo of [IMAGE, PRIVATE_IMAGE]) await seedImage(peer, repo)
    }
    const process = await serve(store, 'accounts', {
      BERTH_ADMIN_PASSWORD: ADMIN.password,
      BERTH_TOKEN_SECONDS: String(DAY),
    })
    const base = `http://${process.address.hostname}:${process.address.port}`
    await giveAccess(base)
    const authorization = new Map<string, string>()
    for (const repo of [IMAGE, PRIVATE_IMAGE]) authorization.set(repo, await pullToken(base, repo))
    return {
      ...process,
      name: 'berth-accounts',
      store,
      seeder: wireSeeder(process.address),
      authorization: (repo) => authorization.get(repo) as string,
    }
  },
}

const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

async function giveAccess(base: string): Promise<void> {
  const api = apiClient({ base, headers: { Authorization: basic(ADMIN.username, ADMIN.password) } })
  await api.call('POST /users', { body: READER })
  await api.call('PATCH /repositories/{repository}', {
    path: { repository: IMAGE },
    body: { visibility: 'public' },
  })
  await api.call('POST /namespaces/{namespace}/grants', {
    path: { namespace: PRIVATE_IMAGE.slice(0, PRIVATE_IMAGE.indexOf('/')) },
    body: { subject: `user:${READER.name}`, pattern: PRIVATE_IMAGE, verbs: ['read'] },
  })
}

/** A registry token as docker would fetch it. */
async function pullToken(base: string, repo: string): Promise<string> {
  const response = await fetch(`${base}/token?scope=repository:${repo}:pull`, {
    headers: { Authorization: basic(READER.name, READER.password) },
  })
  const { token } = (await response.json()) as { token: string }
  return `Bearer ${token}`
}
