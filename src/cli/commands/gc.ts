import type { Command } from 'commander'
import type { ResultOf } from '../../api/contract/contract.ts'
import { remote, type Session } from '../command.ts'

const JOB = { path: { job: 'collection' } } as const

/** `berth gc …` */
export function gcCommands(group: Command): void {
  remote(
    group.command('status').description('what waits to be collected, and what was'),
    async ({ api, out }) => {
      out.one(await api.call('GET /collection'), [
        ['waiting', ({ waiting }) => candidates(waiting)],
        ['in storage', ({ waiting }) => `${waiting.objects} objects that wait for their deletion`],
        [
          'oldest',
          ({ oldestDue }) => (oldestDue === undefined ? 'nothing is late' : `due since ${oldestDue}`),
        ],
        ['collected', ({ collected }) => `${candidates(collected)}, ${sizeOf(collected.bytes)}`],
        ['job', ({ jobs }) => jobs.map(stateOf).join(', ')],
        ['last run', ({ jobs }) => jobs[0]?.finishedAt ?? 'never'],
        ['failed', ({ jobs }) => jobs[0]?.failure ?? ''],
      ])
    },
  )
  remote<{ dryRun?: boolean }>(
    group
      .command('run')
      .description('collect now, rather than soon')
      .option('--dry-run', 'show what would go, and delete nothing'),
    async (session, { dryRun }) => {
      if (dryRun) return await preview(session)
      const answer = await session.api.call('POST /collection/run')
      session.out.done(SENTENCES[answer.outcome], answer)
    },
  )
  // Alone, and with `gc --dry-run`.
  remote(
    group
      .command('preview', { isDefault: true })
      .description('show what would go, were its time over now')
      .option('--dry-run', 'as it does in any case'),
    preview,
  )
  for (const [name, paused, description] of [
    ['pause', true, 'collect nothing and delete no bytes until told otherwise'],
    ['resume', false, 'go on collecting'],
  ] as const) {
    remote(group.command(name).description(description), async ({ api, out }) => {
      await api.call('PUT /jobs/{job}', { ...JOB, body: { paused } })
      out.done(paused ? 'collection is paused' : 'collection goes on')
    })
  }
}

const SENTENCES: Readonly<Record<ResultOf<'POST /collection/run'>['outcome'], string>> = {
  started: 'collecting; berth gc status tells how it goes',
  finished: 'collected; the server deletes the bytes when it runs',
  running: 'it is being collected already',
  paused: 'collection is paused; berth gc resume lets it go on',
  elsewhere: 'this server does not collect (--jobs none); those that do come by themselves',
}

async function preview({ api, out }: Session): Promise<void> {
  const found = await api.call('POST /collection/preview', { body: {} })
  out.one(found, [
    ['manifests', ({ manifests }) => String(manifests)],
    ['links', ({ links }) => String(links)],
    ['blobs', ({ blobs }) => String(blobs)],
    ['bytes', ({ bytes }) => `${bytes} (${sizeOf(bytes)})`],
    ['examples', ({ examples }) => examples.map((each) => `${each.repository}@${each.digest}`).join(' ')],
    ['incomplete', ({ complete }) => (complete ? '' : 'there is more than was looked at')],
  ])
}

function candidates(count: {
  readonly manifests: number
  readonly links: number
  readonly blobs: number
}): string {
  return `${count.manifests} manifests, ${count.links} links, ${count.blobs} blobs`
}

function stateOf({ paused, running }: { readonly paused: boolean; readonly running: boolean }): string {
  return paused ? 'paused' : running ? 'running' : 'waits for the next round'
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Bytes as people say it. */
export function sizeOf(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1)
  const value = bytes / 1024 ** power
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power]}`
}
