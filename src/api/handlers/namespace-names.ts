import { absent, type Refusal } from '../problem.ts'

/** Refuses for a namespace that is not there. */
export function noNamespace(name: string): Refusal {
  return absent(`there is no namespace ${name}; a user or an organisation of that name brings it`)
}
