import { storable } from '../accounts/storable.ts'
import type { RunCommand } from '../commands.ts'
import type { Reader } from '../driver.ts'
import type { UseStore } from '../lifecycle-store.ts'
import { listPulls } from './pulls.ts'
import { hasStar, listStars } from './stars.ts'

/** How content is used, over a database. */
export function useStore(reader: Reader, run: RunCommand): UseStore {
  return {
    recordUses: (uses) => run('recordUses', uses),
    listPulls: (repo, span, page) => listPulls(reader, repo, span, page),
    setStar: (star) => run('setStar', storable(star)),
    hasStar: (user, repo) => hasStar(reader, storable(user), repo),
    listStars: (user, page, visible) => listStars(reader, storable(user), page, visible),
  }
}
