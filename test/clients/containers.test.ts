import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ContainerTools, containerTools } from '../testbed/containers.ts'
import { type BlobPlan, writeContext, writeLayout } from '../testbed/images.ts'
import { describeNeeding } from '../testbed/needs.ts'
import type { RegistryServer } from '../testbed/server.ts'
import { countRequests, requestsOf, startTarget, TARGET_IS_PEER } from '../testbed/target.ts'

setDefaultTimeout(120_000)

const TAR = 'application/vnd.oci.image.layer.v1.tar'
const GZIP_LAYER =
  /^application\/vnd\.(oci\.image\.layer\.v1\.tar\+gzip|docker\.image\.rootfs\.diff\.tar\.gzip)$/

describeNeeding(
  { programs: ['podman', 'skopeo', 'buildah', 'umoci', 'busybox'], root: true },
  'containers/image',
  () => {
    const stack = new AsyncDisposableStack()
    let registry: RegistryServer
    let tools: ContainerTools

    beforeAll(async () => {
      registry = stack.use(await startTarget())
      tools = stack.use(await containerTools())
    })
    afterAll(() => stack.disposeAsync())

    const plain = '--tls-verify=false'
    const both = ['--src-tls-verify=false', '--dest-tls-verify=false']
    const remote = (name: string) => `docker://${registry.host}/${name}`
    const at = (name: string) => join(tools.path, name)

    /** Copies a hand-made image of these layers to the registry. */
    async function pushLayout(name: string, layers: readonly BlobPlan[]): Promise<void> {
      const folder = at(name.replaceAll(/\W/g, '-'))
      await mkdir(folder)
      await writeLayout(folder, layers)
      // Without being told to preserve it, skopeo would compress what looks uncompressed.
      const asIs = ['--preserve-digests', '--dest-tls-verify=false']
      await tools.skopeo('copy', ...asIs, `oci:${folder}:latest`, remote(name))
    }

    /** Builds an image of one file for a platform into buildah's storage, as `localhost/NAME`. */
    async function buildImage(name: string, architecture = 'amd64'): Promise<string> {
      const context = at(`context-${name}`)
      await writeContext(context, { greeting: name, layers: [100_000] })
      const image = `localhost/${name}`
      await tools.buildah('bud', '--layers', `--arch=${architecture}`, '--tag', image, context)
      return image
    }

    async function rawManifest(name: string): Promise<{
      mediaType?: string
      layers: { mediaType: string; digest: string; size: number }[]
      manifests?: { digest: string; platform: { architecture: string } }[]
    }> {
      return JSON.parse(await tools.skopeo('inspect', plain, '--raw', remote(name)))
    }

    describe('skopeo', () => {
      test('C4: layers of 0 B, 1 B and 5 MiB there and back', async () => {
        const layers = [0, 1, 5 << 20].map((size) => ({ mediaType: TAR, size, seed: `skopeo ${size}` }))
        await pushLayout('skopeo/sizes:1', layers)
        await tools.skopeo(
          'copy',
          '--preserve-digests',
          '--src-tls-verify=false',
          remote('skopeo/sizes:1'),
          `oci:${at('back')}:latest`,
        )
        const blobs = (folder: string) => readdir(join(at(folder), 'blobs/sha256'))
        expect((await blobs('back')).sort()).toEqual((await blobs('skopeo-sizes-1')).sort())
      })

      test('C4: inspect and list-tags', async () => {
        const layer = { mediaType: TAR, size: 10_000, seed: 'tags' }
        await pushLayout('skopeo/tags:first', [layer])
        await tools.skopeo('copy', ...both, remote('skopeo/tags:first'), remote('skopeo/tags:second'))
        const listed = JSON.parse(await tools.skopeo('list-tags', plain, remote('skopeo/tags')))
        expect(listed.Tags).toEqual(['first', 'second'])
        const [first, second] = await Promise.all(
          ['first', 'second'].map((tag) =>
            tools.skopeo('inspect', plain, '--format={{.Digest}}', remote(`skopeo/tags:${tag}`)),
          ),
        )
        expect(first).toMatch(/^sha256:[0-9a-f]{64}\n$/)
        expect(second).toBe(first as string)
      })

      test('B15: a copy between repositories mounts the layer', async () => {
        await pushLayout('skopeo/mount:1', [{ mediaType: TAR, size: 200_000, seed: 'mount' }])
        const requests = await requestsOf(registry, () =>
          tools.skopeo('copy', ...both, remote('skopeo/mount:1'), remote('skopeo/mounted:1')),
        )
        expect(countRequests(requests, 'POST', 201)).toBe(1)
        // The configuration: this client never mounts it.
        expect(countRequests(requests, 'PATCH')).toBe(1)
      })

      test('D2: delete removes the image and its tag', async () => {
        await pushLayout('skopeo/gone:1', [{ mediaType: TAR, size: 1000, seed: 'gone' }])
        await tools.skopeo('delete', plain, remote('skopeo/gone:1'))
        const after = await tools.attempt('skopeo', 'inspect', plain, '--raw', remote('skopeo/gone:1'))
        expect(after.code).not.toBe(0)
        expect(after.stderr).toContain('manifest unknown')
      })

      test('C4: sync carries every tag of a repository into a folder and back', async () => {
        await pushLayout('skopeo/sync:a', [{ mediaType: TAR, size: 3000, seed: 'a' }])
        await pushLayout('skopeo/sync:b', [{ mediaType: TAR, size: 4000, seed: 'b' }])
        const source = `${registry.host}/skopeo/sync`
        await mkdir(at('synced'))
        await tools.skopeo('sync', ...both, '--src=docker', '--dest=dir', source, at('synced'))
        expect((await readdir(at('synced'))).sort()).toEqual(['sync:a', 'sync:b'])
        await tools.skopeo(
          'sync',
          ...both,
          '--src=dir',
          '--dest=docker',
          at('synced'),
          `${registry.host}/mirror`,
        )
        const listed = JSON.parse(await tools.skopeo('list-tags', plain, remote('mirror/sync')))
        expect(listed.Tags.sort()).toEqual(['a', 'b'])
        expect(await rawManifest('mirror/sync:a')).toEqual(await rawManifest('skopeo/sync:a'))
      })

      test('C4: zstd layers', async () => {
        const image = await buildImage('skopeo-zstd')
        const local = `containers-storage:${image}`
        const name = 'skopeo/zstd:1'
        const compress = ['--dest-compress-format=zstd', '--format=oci']
        await tools.skopeo('copy', '--dest-tls-verify=false', ...compress, local, remote(name))
        const { layers } = await rawManifest(name)
        expect(new Set(layers.map(({ mediaType }) => mediaType))).toEqual(new Set([`${TAR}+zstd`]))
        await tools.skopeo('copy', '--src-tls-verify=false', remote(name), `oci:${at('zstd')}:latest`)
        for (const { digest, size } of layers) {
          const blob = await readFile(join(at('zstd'), 'blobs/sha256', digest.slice('sha256:'.length)))
          expect(blob.length).toBe(size)
          expect(blob.readUInt32LE(0)).toBe(0xfd2fb528)
        }
      })

      test.skipIf(TARGET_IS_PEER)('G5: a one-part name is library/name, both ways', async () => {
        await pushLayout('solo:1', [{ mediaType: TAR, size: 100, seed: 'solo' }])
        await pushLayout('library/duo:1', [{ mediaType: TAR, size: 100, seed: 'duo' }])
        expect(await rawManifest('library/solo:1')).toEqual(await rawManifest('solo:1'))
        expect(await rawManifest('duo:1')).toEqual(await rawManifest('library/duo:1'))
      })
    })

    describe('buildah', () => {
      test('C4: build, push and start from what was pushed', async () => {
        const image = await buildImage('buildah')
        await tools.buildah('push', plain, image, remote('buildah/image:1'))
        await tools.buildah('rmi', '--all', '--force')
        const container = (await tools.buildah('from', plain, `${registry.host}/buildah/image:1`)).trim()
        const original = await readFile(at('context-buildah/layer-0'))
        const printed = await tools.buildah(
          'run',
          container,
          '--',
          '/bin/busybox',
          'sha256sum',
          '/data/layer-0',
        )
        expect(printed).toStartWith(new Bun.CryptoHasher('sha256').update(original).digest('hex'))
        await tools.buildah('rm', container)
      })

      test('C4: what another tool pulls unpacks to the same files', async () => {
        const image = await buildImage('unpack')
        await tools.buildah('push', plain, '--format=oci', image, remote('buildah/unpack:1'))
        const layout = at('unpack')
        await tools.skopeo(
          'copy',
          '--src-tls-verify=false',
          remote('buildah/unpack:1'),
          `oci:${layout}:latest`,
        )
        await tools.umoci('unpack', `--image=${layout}:latest`, at('bundle'))
        const unpacked = await readFile(join(at('bundle'), 'rootfs/data/layer-0'))
        expect(unpacked.equals(await readFile(at('context-unpack/layer-0')))).toBe(true)
      })

      test('C4: an index of two platforms, copied with all of them', async () => {
        await buildImage('index-amd64', 'amd64')
        await buildImage('index-arm64', 'arm64')
        await tools.buildah('manifest', 'create', 'pair', 'localhost/index-amd64', 'localhost/index-arm64')
        await tools.buildah(
          'manifest',
          'push',
          plain,
          '--all',
          '--format=oci',
          'pair',
          remote('buildah/pair:1'),
        )
        await tools.skopeo('copy', ...both, '--all', remote('buildah/pair:1'), remote('buildah/copied:1'))
        const index = await rawManifest('buildah/copied:1')
        expect(index).toEqual(await rawManifest('buildah/pair:1'))
        expect(index.manifests?.map(({ platform }) => platform.architecture).sort()).toEqual([
          'amd64',
          'arm64',
        ])
        for (const { digest } of index.manifests ?? []) {
          await tools.skopeo('inspect', plain, '--raw', `docker://${registry.host}/buildah/copied@${digest}`)
        }
      })
    })

    describe('podman', () => {
      test('C4: push, remove and pull', async () => {
        const image = await buildImage('podman')
        const name = `${registry.host}/podman/image:1`
        await tools.podman('push', plain, image, name)
        const id = await tools.podman('image', 'inspect', '--format={{.Id}}', image)
        await tools.podman('rmi', '--all', '--force')
        await tools.podman('pull', plain, name)
        expect(await tools.podman('image', 'inspect', '--format={{.Id}}', name)).toBe(id)
        expect((await rawManifest('podman/image:1')).layers[0]?.mediaType).toMatch(GZIP_LAYER)
      })

      test('C4: a push again uploads nothing', async () => {
        const image = await buildImage('podman-again')
        const push = () => tools.podman('push', plain, image, `${registry.host}/podman/again:1`)
        await push()
        expect(countRequests(await requestsOf(registry, push), 'PATCH')).toBe(0)
      })

      test('C4: zstd layers', async () => {
        const image = await buildImage('podman-zstd')
        const name = `${registry.host}/podman/zstd:1`
        await tools.podman('push', plain, '--format=oci', '--compression-format=zstd', image, name)
        // Layers that the registry has already may stay as they are: the last one is this image's own.
        const { layers } = await rawManifest('podman/zstd:1')
        expect(layers.at(-1)?.mediaType).toBe(`${TAR}+zstd`)
        const id = await tools.podman('image', 'inspect', '--format={{.Id}}', image)
        await tools.podman('rmi', '--all', '--force')
        await tools.podman('pull', plain, name)
        expect(await tools.podman('image', 'inspect', '--format={{.Id}}', name)).toBe(id)
      })

      test.skipIf(TARGET_IS_PEER)('10.4: podman search', async () => {
        await pushLayout('search/podman-finds-this:1', [{ mediaType: TAR, size: 10, seed: 'search' }])
        const found = await tools.podman('search', plain, '--format={{.Name}}', `${registry.host}/finds-this`)
        expect(found.trim()).toBe(`${registry.host}/search/podman-finds-this`)
        const tags = await tools.podman(
          'search',
          plain,
          '--list-tags',
          '--format={{.Tag}}',
          `${registry.host}/search/podman-finds-this`,
        )
        // This client lists tags as a table, whatever format it is told.
        expect(tags.trim()).toMatch(/podman-finds-this\s+1$/)
      })
    })
  },
)
