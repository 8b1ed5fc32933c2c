import { expect, test } from 'bun:test'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { clientRegistry } from '../src/registry/client.ts'
import { freshRepo, pushImage } from './suite/content.ts'
import { startBerth } from './testbed/berth.ts'
import { describeNeeding } from './testbed/needs.ts'
import { startPostgres } from './testbed/postgres.ts'
import { tempFolder } from './testbed/temp.ts'

/** A server that ran once on this directory and got an image. */
async function used(data: string, env: Record<string, string> = {}): Promise<void> {
  await using server = await startBerth({ data, env })
  await pushImage(clientRegistry({ base: server.url }), freshRepo())
}

async function startError(data: string, env: Record<string, string> = {}): Promise<string> {
  try {
    await using _ = await startBerth({ data, env })
    return 'it started'
  } catch (error) {
    return String(error)
  }
}

test('a database without its blobs, and blobs without their database, are refused; together they start', async () => {
  await using folder = await tempFolder()
  const data = join(folder.path, 'data')
  await used(data)
  const blobs = join(data, 'blobs')
  await rename(blobs, `${blobs}.kept`)
  expect(await startError(data)).toContain('is empty: restore its blobs')
  await rm(blobs, { recursive: true })
  await rename(`${blobs}.kept`, blobs)
  await mkdir(join(data, 'kept'))
  for (const name of ['berth.db', 'berth.db-wal', 'berth.db-shm'])
    await rename(join(data, name), join(data, 'kept', name)).catch(() => {})
  expect(await startError(data)).toContain('holds the blobs of another database')
  for (const name of ['berth.db', 'berth.db-wal', 'berth.db-shm']) {
    await rm(join(data, name), { force: true })
    await rename(join(data, 'kept', name), join(data, name)).catch(() => {})
  }
  await used(data)
})

test('a second server on one directory is refused while the first runs', async () => {
  await using folder = await tempFolder()
  const data = join(folder.path, 'data')
  await using _ = await startBerth({ data })
  expect(await startError(data)).toContain('is in use by another berth')
})

test('a second server on one port is refused', async () => {
  await using first = await startBerth()
  const { host } = first
  await expect(
    (async () => {
      await using _ = await startBerth({ args: ['--listen', host] })
    })(),
  ).rejects.toThrow('in use')
})

describeNeeding({ programs: ['postgres', 'initdb'], root: true }, 'with PostgreSQL', () => {
  test('a second server with a storage of its own on one database is refused', async () => {
    await using cluster = await startPostgres()
    await using folder = await tempFolder()
    const env = { BERTH_DATABASE_URL: cluster.url }
    await used(join(folder.path, 'a'), env)
    expect(await startError(join(folder.path, 'b'), env)).toContain('is empty: restore its blobs')
    await used(join(folder.path, 'a'), env)
  })
})
