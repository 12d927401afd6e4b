import { evolutionFixtures } from './fixture-hub.ts'
import { fixtureSuite } from './fixtures-alone.ts'

fixtureSuite(evolutionFixtures())
