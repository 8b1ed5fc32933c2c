import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { registryStack } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { ANONYMOUS } from '../../src/core/context.ts'
import { parseRepoName } from '../../src/core/names.ts'
import { memoryBlobStore } from '../../src/store/blob-memory.ts'
import { openSqlite } from '../../src/store/meta/sqlite.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { tempFolder } from '../testbed/temp.ts'
import { contextOf } from './rights.ts'

test.each([
  ['accounts', 1],
  ['none', 0],
] as const)('with --auth %s a push that makes a repository writes %d rows', async (auth, rows) => {
  await using folder = await tempFolder()
  const store = await openSqlite(join(folder.path, 'berth.db'), { unsafeNoFsync: true })
  try {
    const log = createLog({ level: 'error', json: false, fd: 2 })
    const registry = registryStack(readConfig({}, { auth }), memoryBlobStore(), store, log, undefined)
    const repo = parseRepoName('acme/web')
    await registry.openUpload(contextOf(ANONYMOUS), repo)
    expect(await store.findRepository(repo)).toBeDefined()
    expect((await store.listAudit({}, { limit: 10 })).items).toHaveLength(rows)
  } finally {
    await store.close()
  }
})
