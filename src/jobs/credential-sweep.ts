import type { Clock } from '../core/clock.ts'
import type { AccountStore } from '../store/meta/account-store.ts'

const BATCH = 500

/** Deletes sessions, refresh tokens and one-time links whose time is over. Returns how many. */
export async function sweepCredentials(
  accounts: Pick<AccountStore, 'sweepCredentials'>,
  clock: Clock,
  stopped: () => boolean = () => false,
): Promise<number> {
  let swept = 0
  while (!stopped()) {
    const batch = await accounts.sweepCredentials({ now: clock.now(), limit: BATCH })
    swept += batch
    if (batch < BATCH) break
  }
  return swept
}
