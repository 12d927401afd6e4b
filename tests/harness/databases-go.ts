import { afterAll } from 'vitest'
import { dropDatabases } from './database.ts'

// Loaded before each test file, so that this hook runs after all of the file's own.
afterAll(dropDatabases)
