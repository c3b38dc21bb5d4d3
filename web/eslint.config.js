import js from '@eslint/js';
import tseslint from 'typescript-eslint';

// scripts of Node, some of whose functions run in a browser's page
const NODE = ['process', 'console', 'URL'];
const BROWSER_TESTS = [...NODE, 'document', 'navigator', 'performance', 'Image', 'crossOriginIsolated'];

export default tseslint.config(
  { ignores: ['dist/**', 'public/**', 'node_modules/**'] },
  js.configs.recommended,
  tseslint.configs.strict,
  { rules: { 'max-lines': ['error', 400], 'max-lines-per-function': ['error', 60], eqeqeq: 'error' } },
  { files: ['**/*.test.ts'], rules: { 'max-lines-per-function': 'off' } },
  {
    files: ['tests/browser/*.mjs'],
    languageOptions: { globals: Object.fromEntries(BROWSER_TESTS.map((name) => [name, 'readonly'])) },
  },
  { files: ['bin/**'], languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } } },
);
