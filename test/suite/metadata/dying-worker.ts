import type { FromWorker, ToWorker } from '../../../src/store/meta/wire.ts'

declare const self: Worker

/* Stands in for the writer's thread: opens, and dies of the first command. */
self.onmessage = (event: MessageEvent<ToWorker>) => {
  const opened: FromWorker = { type: 'opened' }
  if (event.data.type === 'open') self.postMessage(opened)
  else throw new Error('the thread dies')
}
