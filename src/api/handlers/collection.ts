import { refuse } from '../../core/errors.ts'
import type { JobRow } from '../../store/meta/lifecycle-store.ts'
import type { COLLECTION } from '../contract/collection.ts'
import type { Handlers } from '../handler.ts'
import { said, timeText } from '../values.ts'

/** The jobs that can be paused. */
const JOBS: readonly string[] = ['collection']
const LIMIT = 10_000

/** Collection, as its administrators see it. */
export const COLLECTION_HANDLERS: Handlers<keyof typeof COLLECTION> = {
  async 'GET /collection'(_call, { store, clock }) {
    const now = clock.now()
    const { manifests, links, blobs, objects, oldestDue, collected } = await store.garbageState(now)
    const rows = new Map((await store.listJobs()).map((row) => [row.name, row]))
    return {
      waiting: { manifests, links, blobs, objects },
      ...said({ oldestDue: oldestDue === undefined ? undefined : timeText(oldestDue) }),
      collected,
      jobs: JOBS.map((name) => told(name, rows.get(name), now)),
    }
  },

  async 'POST /collection/preview'({ body: { limit = LIMIT } }, { store, clock, settings: { undo } }) {
    const preview = await store.previewGarbage({ now: clock.now(), limit, undo })
    return { ...preview, examples: [...preview.examples] }
  },

  async 'POST /collection/run'(_call, { collect }) {
    return { outcome: await collect() }
  },

  async 'PUT /jobs/{job}'({ path: { job }, body: { paused }, cause }, { store }) {
    if (!JOBS.includes(job))
      throw refuse('name-unknown', `there is no job ${job}; there is ${JOBS.join(', ')}`)
    await store.pauseJob({ name: job, paused }, cause)
  },
}

function told(name: string, row: JobRow | undefined, now: number) {
  if (row === undefined) return { name, paused: false, running: false }
  const { paused, holder, leaseUntil, startedAt, finishedAt, failure, detail } = row
  return {
    ...{ name, paused, running: holder !== undefined && leaseUntil > now },
    ...said({
      startedAt: startedAt === undefined ? undefined : timeText(startedAt),
      finishedAt: finishedAt === undefined ? undefined : timeText(finishedAt),
      failure,
      detail: detail === undefined ? undefined : (JSON.parse(detail) as Record<string, unknown>),
    }),
  }
}
