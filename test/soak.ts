/**
 * `npm run soak -- --mode collect --minutes N [--database postgres] [--workers N]`: pushes, pulls and deletes while a collector comes every
 * second, with leases of some seconds: nothing that was promised may be missing, and all that nothing keeps must go.
 *
 * `npm run soak -- --minutes N [--database postgres] [--seed S] [--workers N]`: kills the server at random moments under load, for as
 * long as asked, and holds it to every acknowledgement (C1–C5). Ends with 1 when the contract was broken; the data is kept then.
 */
import { randomInt } from 'node:crypto'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { collectUnderLoad, tellCollecting } from './crash/collecting.ts'
import { killAtRandom, type RandomKillReport } from './crash/random-kills.ts'
import { type OwnedSite, postgresSite, sqliteSite } from './crash/sites.ts'
import { startPostgres } from './testbed/postgres.ts'

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'kill' },
    minutes: { type: 'string', default: '1' },
    database: { type: 'string', default: 'sqlite' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    workers: { type: 'string', default: '16' },
  },
})

const EVERY_SECONDS = 15

function summary({ seed, kills, acknowledged, cut, ready }: RandomKillReport): string {
  const sorted = [...ready].sort((a, b) => a - b)
  const ms = (part: number) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0)
  return `seed ${seed}: ${kills} kills, ${acknowledged} operations acknowledged, ${cut} cut; ready again after ${ms(0)}/${ms(0.5)}/${ms(1)} ms (least/median/most)`
}

async function soak(site: OwnedSite): Promise<void> {
  const end = Date.now() + Number(values.minutes) * 60_000
  if (values.mode === 'collect') return await soakCollecting(site, end)
  let told = Date.now()
  const report = await killAtRandom(site, {
    seed: Number(values.seed),
    workers: Number(values.workers),
    shortest: 200,
    longest: 2000,
    more: () => Date.now() < end,
    onRound(so) {
      if (Date.now() - told < EVERY_SECONDS * 1000) return
      told = Date.now()
      console.log(summary(so))
    },
  })
  console.log(summary(report))
  console.log('0 acknowledged lost, 0 half-visible, 0 repaired by hand: the contract holds.')
}

async function soakCollecting(site: OwnedSite, end: number): Promise<void> {
  const report = await collectUnderLoad(site, {
    pushers: Number(values.workers),
    leaseSeconds: 5,
    everySeconds: 1,
    more: () => Date.now() < end,
  })
  console.log(tellCollecting(report))
  console.log(
    '0 blobs or manifests unknown that were promised, storage and metadata agree, all garbage went.',
  )
}

console.log(`Soaking for ${values.minutes} minutes with seed ${values.seed} on ${values.database}`)
await using stack = new AsyncDisposableStack()
const site = stack.use(
  values.database === 'postgres' ? await postgresSite(stack.use(await startPostgres())) : await sqliteSite(),
)
try {
  await soak(site)
} catch (error) {
  const kept = join(tmpdir(), `berth-soak-${values.seed}`)
  await cp(join(site.data, '..'), kept, { recursive: true })
  console.error(`BROKEN: ${(error as Error).message}\nData and ledger are kept in ${kept}`)
  process.exitCode = 1
}
