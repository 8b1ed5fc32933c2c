import { DELETE_OPERATIONS } from './delete-operations.ts'
import { MANIFEST_OPERATIONS } from './manifest-operations.ts'
import type { Operation } from './operation.ts'
import { UPLOAD_OPERATIONS } from './upload-operations.ts'

/** Everything that clients do and that writes. The clean-up, which the server does by itself, is not among it. */
export const OPERATIONS: readonly Operation[] = [
  ...UPLOAD_OPERATIONS,
  ...MANIFEST_OPERATIONS,
  ...DELETE_OPERATIONS,
]
