python -m pip install --no-deps --no-build-isolation --editable .
