"""What every room uses: files, tables, records of provenance. It knows no stage and no workflow."""
