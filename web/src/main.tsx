import { MantineProvider, localStorageColorSchemeManager } from '@mantine/core';
import './mantine';
import { QueryClientProvider } from '@tanstack/react-query';
import { setNonce } from 'get-nonce';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RouterProvider } from 'react-router';
import { queryClient } from './api/queries';
import { Toaster } from './components/toast';
import { router } from './routes';
import { theme } from './theme';
import './tokens.css';

// The server puts the nonce of its content security policy into the page; the
// style elements that Mantine and its scroll lock add must carry it.
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
setNonce(nonce);

const schemes = localStorageColorSchemeManager({ key: 'holdfast-color-scheme' });

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={schemes} getStyleNonce={() => nonce}>
        <QueryClientProvider client={queryClient}>
          <Toaster>
            <RouterProvider router={router} />
          </Toaster>
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
