import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { truncate, unlink, writeFile } from 'node:fs/promises'
import { clientRegistry } from '../../src/registry/client.ts'
import { freshRepo, pushImage } from '../suite/content.ts'
import { snapshotOf, tamper } from './database.ts'
import { pathOf, scrub } from './scrub.ts'
import { type Site, startServer } from './server.ts'
import { describeOnBoth } from './sites.ts'
import { readAll } from './visible.ts'
import { wireTo } from './wire.ts'

setDefaultTimeout(30_000)

/** Damage, the complaint it must bring, and whether a client would meet it, too. */
const DAMAGE: Record<string, { do: (site: Site) => Promise<void>; complaint: RegExp; visible: boolean }> = {
  'a file is gone': {
    do: async (site) => unlink(await someFile(site)),
    complaint: /is not stored/,
    visible: true,
  },
  'a file is short': {
    do: async (site) => truncate(await someFile(site), 3),
    complaint: /has 3 bytes, not/,
    visible: true,
  },
  'a file holds other bytes': {
    do: async (site) => writeFile(await someFile(site), 'x'.repeat(48)),
    complaint: /holds sha256:/,
    visible: true,
  },
  'a file belongs to nobody': {
    do: (site) => writeFile(pathOf(site, crypto.randomUUID()), 'stray'),
    complaint: /no row names it/,
    visible: false,
  },
  'a live object is condemned': {
    do: (site) => tamper(site, 'INSERT INTO tombstone (obj, delete_after) SELECT obj, 1 FROM blob'),
    complaint: /is condemned though a row names it/,
    visible: false,
  },
  'a reference has no row': {
    do: (site) => tamper(site, 'DELETE FROM manifest_blob'),
    complaint: /of which there is no row/,
    visible: false,
  },
  'a tag lost its manifest’s blobs': {
    do: (site) => tamper(site, 'DELETE FROM manifest_blob', 'DELETE FROM gc_link', 'DELETE FROM repo_blob'),
    complaint: /a blob without a link is not queued/,
    visible: true,
  },
  'a removed tag was not queued': {
    do: (site) => tamper(site, 'DELETE FROM tag'),
    complaint: /a manifest without tag, parent and subject is not queued/,
    visible: false,
  },
  'a session stands beyond its bytes': {
    do: (site) =>
      tamper(
        site,
        `INSERT INTO upload (id, repo_id, owner, obj, offset_, algorithm, state, expires_at)
         VALUES ('${crypto.randomUUID()}', 1, 'anonymous', '${crypto.randomUUID()}', 5, 'sha256', 0, 9000000000000)`,
      ),
    complaint: /stands at 5, but 0 bytes are stored/,
    visible: false,
  },
}

/** The file of a layer, 48 bytes long. */
async function someFile(site: Site): Promise<string> {
  await using snapshot = await snapshotOf(site)
  const rows = await snapshot.rows<{ obj: string }>('SELECT obj FROM blob WHERE size = 48')
  return pathOf(site, rows[0]?.obj ?? '')
}

async function pushSomething(site: Site): Promise<void> {
  await using server = await startServer(site)
  await pushImage(clientRegistry({ base: server.url }), freshRepo('scrub'), ['latest'], 2)
  await server.stop()
}

describeOnBoth('a scrub', (newSite) => {
  test('finds nothing wrong with a sound site', async () => {
    await using site = await newSite()
    await pushSomething(site)
    expect(await scrub(site)).toEqual([])
  })

  describe('finds that', () => {
    for (const [title, { do: damage, complaint, visible }] of Object.entries(DAMAGE))
      test(title, async () => {
        await using site = await newSite()
        await pushSomething(site)
        await damage(site)
        expect((await scrub(site)).join('\n')).toMatch(complaint)
        await using server = await startServer(site)
        const reading = readAll(wireTo(server.url)).catch((error) => error)
        if (visible) expect(await reading).toBeInstanceOf(Error)
        else expect(await reading).toMatchObject({ tags: title === 'a removed tag was not queued' ? 0 : 1 })
      })
  })

  test('and a reading of everything finds nothing wrong with a sound one', async () => {
    await using site = await newSite()
    await pushSomething(site)
    await using server = await startServer(site)
    expect(await readAll(wireTo(server.url))).toEqual({ repositories: 1, tags: 1, manifests: 1, blobs: 3 })
  })
})
