import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join, resolve } from 'node:path'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { type Docker, startDocker } from '../testbed/docker.ts'
import { expectedOutput, writeContext } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { run } from '../testbed/run.ts'
import { type TempFolder, tempFolder } from '../testbed/temp.ts'

setDefaultTimeout(120_000)

const ROOT = resolve(import.meta.dirname, '../..')

describeNeeding(
  { programs: ['docker', 'dockerd', 'busybox'], root: true },
  'docker and the ways to serve',
  () => {
    const stack = new AsyncDisposableStack()
    let engine: Docker
    let folder: TempFolder

    beforeAll(async () => {
      folder = stack.use(await tempFolder())
      engine = stack.use(await startDocker())
    })
    afterAll(() => stack.disposeAsync())

    async function buildImage(name: string): Promise<void> {
      await writeContext(join(folder.path, name), { greeting: name, layers: [300_000] })
      await engine.docker('build', '--network=none', '--quiet', '--tag', name, join(folder.path, name))
    }

    /** Pushes an image to a server, removes it here, pulls and runs it. */
    async function roundTrip(server: BerthServer, name: string): Promise<void> {
      await buildImage(name)
      const image = `${server.host}/servers/${name}:1`
      await engine.docker('tag', name, image)
      await engine.docker('push', image)
      await engine.docker('rmi', '--force', image, name)
      await engine.docker('image', 'prune', '--all', '--force')
      await engine.docker('pull', image)
      const printed = await engine.docker('run', '--rm', '--network=none', image)
      expect(printed).toBe(expectedOutput({ greeting: name, layers: [300_000] }))
    }

    test('the compiled executable', async () => {
      const executable = join(ROOT, 'dist/berth')
      await run([process.execPath, 'scripts/build.ts'], { cwd: ROOT })
      expect(await run([executable, '--version'])).toMatch(/^\d+\.\d+\.\d+/)
      await using server = await startBerth({ executable })
      await roundTrip(server, 'executable')
    })

    describeNeeding({ programs: ['initdb', 'postgres'], root: true }, 'metadata', () => {
      test('in PostgreSQL', async () => {
        await using postgres = await startPostgres()
        await using server = await startBerth({ env: { BERTH_DATABASE_URL: postgres.url } })
        await roundTrip(server, 'postgresql')
      })
    })

    test('read-only: a push is refused in a sentence, a pull works', async () => {
      const data = join(folder.path, 'read-only')
      const name = 'servers/kept:1'
      await buildImage('kept')
      {
        await using writable = await startBerth({ data })
        await engine.docker('tag', 'kept', `${writable.host}/${name}`)
        await engine.docker('push', `${writable.host}/${name}`)
      }
      await using server = await startBerth({ data, args: ['--read-only'] })
      await engine.docker('pull', `${server.host}/${name}`)
      await buildImage('refused')
      await engine.docker('tag', 'refused', `${server.host}/servers/refused:1`)
      const push = await engine.tryDocker('push', `${server.host}/servers/refused:1`)
      expect(push.code).not.toBe(0)
      expect(push.stderr).toMatch(/read-only/)
    })
  },
)
