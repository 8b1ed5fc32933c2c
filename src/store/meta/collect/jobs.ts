import type { Cause } from '../access-store.ts'
import { writeAuditRow } from '../accounts/audit.ts'
import type { Dialect, Reader, Tx } from '../driver.ts'
import type { JobRow, JobStore } from '../lifecycle-store.ts'

const LEASE = `INSERT INTO job (name, holder, lease_until, started_at) VALUES ($1, $2, $4, $3)
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until,
    started_at = CASE WHEN job.holder = excluded.holder AND job.lease_until > $3
      THEN job.started_at ELSE excluded.started_at END
  WHERE job.paused = 0 AND (job.holder IS NULL OR job.holder = excluded.holder OR job.lease_until <= $3)`

/** See JobStore.leaseJob. */
export async function leaseJob(
  tx: Tx,
  _dialect: Dialect,
  { name, holder, now, until }: Parameters<JobStore['leaseJob']>[0],
): Promise<boolean> {
  return (await tx.run(LEASE, [name, holder, now, until])) > 0
}

const FINISH = `UPDATE job SET holder = NULL, lease_until = 0, finished_at = $3, failure = $4, detail = $5
  WHERE name = $1 AND holder = $2`

/** See JobStore.finishJob. */
export async function finishJob(
  tx: Tx,
  _dialect: Dialect,
  { name, holder, now, failure, detail }: Parameters<JobStore['finishJob']>[0],
): Promise<void> {
  await tx.run(FINISH, [name, holder, now, failure ?? null, detail ?? null])
}

const PAUSE = `INSERT INTO job (name, paused) VALUES ($1, $2)
  ON CONFLICT (name) DO UPDATE SET paused = excluded.paused WHERE job.paused <> excluded.paused`

/** See JobStore.pauseJob. Pausing what is paused already leaves no trace. */
export async function pauseJob(
  tx: Tx,
  _dialect: Dialect,
  { pause, cause }: { readonly pause: Parameters<JobStore['pauseJob']>[0]; readonly cause: Cause },
): Promise<void> {
  const { name, paused } = pause
  if ((await tx.run(PAUSE, [name, paused ? 1 : 0])) === 0) return
  await writeAuditRow(tx, { action: paused ? 'job.pause' : 'job.resume', target: name }, cause)
}

const LIST = `SELECT name, holder, lease_until AS "leaseUntil", paused, started_at AS "startedAt",
  finished_at AS "finishedAt", failure, detail FROM job ORDER BY name`

type Row = { readonly [Field in keyof JobRow]: Exclude<JobRow[Field], undefined> | null }

/** See JobStore.listJobs. */
export async function listJobs(tx: Reader): Promise<JobRow[]> {
  const rows = await tx.all<Row & { readonly paused: unknown }>(LIST, [])
  return rows.map((row) => ({
    name: row.name as string,
    holder: row.holder ?? undefined,
    leaseUntil: row.leaseUntil as number,
    paused: Number(row.paused) !== 0,
    startedAt: row.startedAt ?? undefined,
    finishedAt: row.finishedAt ?? undefined,
    failure: row.failure ?? undefined,
    detail: row.detail ?? undefined,
  }))
}
