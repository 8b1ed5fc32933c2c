import { expect, test } from 'bun:test'
import type { Trial } from './trial.ts'

/** Collection: looked at, asked for, paused. */
export function collectionCommands(trial: Trial): void {
  const { like, does } = trial

  test('gc', async () => {
    const { who, api } = trial
    expect(await like('GET /collection', ['gc', 'status'])).toMatchObject({
      jobs: [{ name: 'collection', paused: false }],
    })
    expect(await who.run(['gc', 'status'])).toMatch(/^waiting: +\d+ manifests, \d+ links, \d+ blobs$/m)
    const preview = await api.call('POST /collection/preview', { body: {} })
    for (const args of [
      ['gc', '--dry-run'],
      ['gc', 'preview'],
      ['gc', 'run', '--dry-run'],
    ])
      expect(await like('POST /collection/preview', args)).toEqual(preview)
    expect(await who.run(['gc', '--dry-run'])).toMatch(/^bytes: +\d+ \(.*B\)$/m)

    await does(['gc', 'pause'], 'collection is paused')
    expect(await who.run(['gc', 'status'])).toMatch(/^job: +paused$/m)
    await does(['gc', 'run'], 'collection is paused; berth gc resume lets it go on')
    await does(['gc', 'resume'], 'collection goes on')
    const { outcome } = (await like('POST /collection/run', ['gc', 'run'])) as { outcome: string }
    expect(['started', 'finished', 'running']).toContain(outcome)
    const { items } = await api.call('GET /audit', { query: { limit: 2 } })
    expect(items.map(({ action, target }) => `${action} ${target}`)).toEqual([
      'job.resume collection',
      'job.pause collection',
    ])
  })
}
