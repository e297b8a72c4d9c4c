# %% [markdown]
# # three_patients
# text
# %%
print(1)
