"""What the product is made of besides its own code: hashes, licences, known holes, the SBOM.

Commands for whoever cuts a release (`make lock`, `make licences`, `make sbom`, `make audit`);
`make check` holds the licences, and installing holds the hashes.
"""
